"""What the service answers, as frozen records of numpy arrays (float64, rows first)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.client.errors import UnexpectedAnswerError

Array = NDArray[np.float64]
Record = TypeVar("Record")

# What holds no numbers alone.
_LISTS = ("explanation",)


@dataclass(frozen=True)
class ModelVersion:
    """The model that answered; its version is a number even where an alias was asked."""

    name: str
    version: int


@dataclass(frozen=True, eq=False)
class Encoding:
    """q(z | x): mean and standard deviation `(rows, latent_dim)`, KL to the prior in nats.

    `kl_standard_error` is None where `kl_estimator` is analytic.
    """

    model: ModelVersion
    loc: Array
    scale: Array
    kl_divergence: Array
    samples: Array | None = None
    kl_estimator: str = "analytic"
    kl_standard_error: Array | None = None


@dataclass(frozen=True, eq=False)
class Decoding:
    """p(x | z) in data units: its mean or most probable code, and its parameters by name."""

    model: ModelVersion
    outputs: Array
    parameters: Mapping[str, Array]
    samples: Array | None = None


@dataclass(frozen=True, eq=False)
class Samples:
    """Draws from the model and the latents they came from."""

    model: ModelVersion
    samples: Array
    latents: Array


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Each row as the model sees it."""

    model: ModelVersion
    outputs: Array


@dataclass(frozen=True, eq=False)
class Elbo:
    """elbo = reconstruction - kl_divergence of each row, in `units`; no error with one sample.

    `kl_standard_error` is None where `kl_estimator` is analytic.
    """

    model: ModelVersion
    elbo: Array
    reconstruction: Array
    kl_divergence: Array
    standard_error: Array | None
    units: str
    measure: str
    per_feature: Array | None = None
    per_latent: Array | None = None
    kl_estimator: str = "analytic"
    kl_standard_error: Array | None = None


@dataclass(frozen=True, eq=False)
class LogLikelihood:
    """The importance-weighted bound on log p(x) of each row, and what is known of its error.

    `pareto_k` is NaN where it is undefined. `num_samples` is an array if a target was given.
    """

    model: ModelVersion
    log_likelihood: Array
    standard_error: Array | None
    effective_sample_size: Array
    pareto_k: Array
    reliable: NDArray[np.bool_]
    bits_per_dim: Array
    elbo: Array
    num_samples: int | Array
    units: str
    measure: str


@dataclass(frozen=True, eq=False)
class AnomalyScores:
    """How unusual rows are: higher scores are more anomalous, p-values are conformal.

    Flagged is what has a p-value of at most `p_value_threshold`, a score above `threshold`; both
    are None where `fdr` flags nothing. `scores` and `p_values` are by kind, where all were asked
    for. `explanation` lists the features of each row that contribute most, by which
    elbo_score = typical + the sum of contribution_nats + other_features + kl_divergence.
    """

    model: ModelVersion
    score: Array
    p_value: Array
    is_anomaly: NDArray[np.bool_]
    scored_by: str
    threshold: float | None
    p_value_threshold: float | None
    calibration_rows: int
    smallest_rate: float
    units: str
    scores: Mapping[str, Array] | None = None
    p_values: Mapping[str, Array] | None = None
    explanation: list[list[dict[str, Any]]] | None = None
    elbo_score: Array | None = None
    typical: Array | None = None
    other_features: Array | None = None
    kl_divergence: Array | None = None


@dataclass(frozen=True, eq=False)
class Imputation:
    """Rows without gaps; how far the true values, and how far these means, may lie.

    NaN in `standard_deviation` and `standard_error` is undefined; `samples` are draws of the gaps.
    """

    model: ModelVersion
    outputs: Array
    standard_deviation: Array
    standard_error: Array
    log_likelihood: Array
    log_likelihood_standard_error: Array | None
    effective_sample_size: Array
    pareto_k: Array
    reliable: NDArray[np.bool_]
    units: str
    measure: str
    samples: Array | None = None


@dataclass(frozen=True, eq=False)
class Interpolation:
    """Means along the line between two rows' latents, both ends included."""

    model: ModelVersion
    outputs: Array
    latents: Array


@dataclass(frozen=True)
class Drift:
    """Whether rows sent to `anomaly` are still like those of the calibration."""

    model: ModelVersion
    score: str
    rows: int
    calibration_rows: int
    e_value: float
    log_e_value: float
    peak: float
    level: float
    alarm: bool
    distance: float | None
    distance_limit: float | None
    histogram: list[dict[str, float]]
    features: list[dict[str, Any]]


@dataclass(frozen=True)
class Card:
    """What a model is: its data, its likelihood, how good it is and how it was made."""

    name: str
    version: int
    versions: list[int]
    aliases: dict[str, int]
    event_shape: list[int]
    latent_dim: int
    features: list[dict[str, Any]]
    likelihood: str
    prior: str
    posterior: str
    measure: str
    evaluation: dict[str, Any]
    calibration: dict[str, Any] | None
    training: dict[str, Any]
    created: str
    kl_estimator: str = "analytic"


def read_answer(record: type[Record], body: Mapping[str, Any]) -> Record:
    """A record of arrays from a model's answer; fields this client does not know are left out."""
    values = {n: v if n in _LISTS else _as_arrays(v) for n, v in body.items() if n != "model"}
    return _fill(record, {**values, "model": _fill(ModelVersion, body.get("model") or {})})


def read_card(body: Mapping[str, Any]) -> Card:
    """A model's card; fields this client does not know are left out."""
    return _fill(Card, body)


def read_drift(body: Mapping[str, Any]) -> Drift:
    """What is known of a model's drift; fields this client does not know are left out."""
    return _fill(Drift, {**body, "model": _fill(ModelVersion, body.get("model") or {})})


def _as_arrays(value: object) -> object:
    """Lists become arrays, also one level down; null becomes NaN in them."""
    if isinstance(value, list):
        flags = bool(value) and isinstance(value[0], bool)
        return np.asarray(value, dtype=np.bool_ if flags else np.float64)
    if isinstance(value, dict):
        return {name: _as_arrays(inner) for name, inner in value.items()}
    return value


def _fill(record: type[Record], values: Mapping[str, Any]) -> Record:
    known = {field.name for field in fields(record)}  # type: ignore[arg-type]
    try:
        return record(**{name: value for name, value in values.items() if name in known})
    except TypeError:
        missing = ", ".join(sorted(known - values.keys()))
        raise UnexpectedAnswerError(f"The answer has no field {missing}.") from None
