"""The questions a caller can ask, without input or output: what to send, how to read the answer.

Rows are arrays, `inputs`, in which NaN is a missing value; those of a table may be `records` in
their place.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal
from urllib.parse import quote

from numpy.typing import ArrayLike

from app.client.answers import (
    AnomalyScores,
    Card,
    Decoding,
    Drift,
    Elbo,
    Encoding,
    Imputation,
    Interpolation,
    LogLikelihood,
    Reconstruction,
    Record,
    Samples,
    read_answer,
    read_card,
    read_drift,
)
from app.client.bodies import Records, written
from app.client.call import PNG, Call, PictureCall

ScoreName = Literal[
    "combined", "elbo", "log_likelihood", "reconstruction", "latent", "typicality", "all"
]


def models() -> Call[list[Card]]:
    """The card of every model that the service can answer for."""
    return Call("GET", "/v1/models", lambda body: [read_card(c) for c in body.get("models", ())])


def card(model: str) -> Call[Card]:
    """What the model is: its data, its likelihood, how good it is and how it was made."""
    return Call("GET", _path(model), read_card)


def drift(
    model: str, *, score: str = "combined", level: float = 0.01, features: int = 10
) -> Call[Drift]:
    """Whether rows that were sent to `anomaly` are still like those of the calibration."""
    query = f"score={quote(score)}&level={float(level)!r}&features={features}"
    return Call("GET", f"{_path(model)}/drift?{query}", read_drift)


def encode(
    model: str,
    inputs: ArrayLike | None = None,
    *,
    records: Records | None = None,
    num_samples: int = 0,
    seed: int = 0,
) -> Call[Encoding]:
    """Posterior q(z | x) of each row, and draws from it if asked."""
    return _ask(
        Encoding,
        model,
        "encode",
        inputs=inputs,
        records=records,
        num_samples=num_samples,
        seed=seed,
    )


def decode(
    model: str, latents: ArrayLike, *, num_samples: int = 0, seed: int = 0
) -> Call[Decoding]:
    """Likelihood p(x | z) of each row of latents, and draws from it if asked."""
    return _ask(Decoding, model, "decode", latents=latents, num_samples=num_samples, seed=seed)


def sample(
    model: str,
    *,
    num_samples: int = 16,
    seed: int = 0,
    temperature: float = 1.0,
    observation_noise: bool = True,
) -> Call[Samples]:
    """New rows: draws of p(x | z) for latents from the prior, or its means."""
    return _ask(
        Samples,
        model,
        "sample",
        num_samples=num_samples,
        seed=seed,
        temperature=temperature,
        observation_noise=observation_noise,
    )


def reconstruct(
    model: str,
    inputs: ArrayLike | None = None,
    *,
    records: Records | None = None,
    num_samples: int = 0,
    seed: int = 0,
) -> Call[Reconstruction]:
    """Each row as the model sees it: through its posterior mean, or averaged over draws."""
    return _ask(
        Reconstruction,
        model,
        "reconstruct",
        inputs=inputs,
        records=records,
        num_samples=num_samples,
        seed=seed,
    )


def elbo(  # noqa: PLR0913 - the fields of the route
    model: str,
    inputs: ArrayLike | None = None,
    *,
    records: Records | None = None,
    num_samples: int = 16,
    seed: int = 0,
    per_feature: bool = False,
    per_latent: bool = False,
) -> Call[Elbo]:
    """Evidence lower bound of each row in nats, its two terms and, if asked, their parts."""
    return _ask(
        Elbo,
        model,
        "elbo",
        inputs=inputs,
        records=records,
        num_samples=num_samples,
        seed=seed,
        per_feature=per_feature,
        per_latent=per_latent,
    )


def log_likelihood(  # noqa: PLR0913
    model: str,
    inputs: ArrayLike | None = None,
    *,
    records: Records | None = None,
    num_samples: int = 256,
    seed: int = 0,
    target_standard_error: float | None = None,
    max_samples: int | None = None,
    resolution: float | Sequence[float] | None = None,
    refine: int = 0,
) -> Call[LogLikelihood]:
    """Importance-weighted bound on log p(x) of each row in nats (Burda et al., 2016).

    The samples of a row whose standard error is above the target, if there is one, are doubled
    until it is not or `max_samples` (by default the most the server takes) are drawn. With a
    `resolution` it is the probability of x +- resolution / 2 where features are continuous.
    `refine` steps, up to 50, look for a better proposal than the encoder's first.
    """
    return _ask(
        LogLikelihood,
        model,
        "log-likelihood",
        inputs=inputs,
        records=records,
        num_samples=num_samples,
        seed=seed,
        target_standard_error=target_standard_error,
        max_samples=max_samples,
        resolution=resolution,
        refine=refine,
    )


def anomaly(  # noqa: PLR0913
    model: str,
    inputs: ArrayLike | None = None,
    *,
    records: Records | None = None,
    score: ScoreName = "combined",
    false_positive_rate: float | None = None,
    fdr: float | None = None,
    explain: int = 0,
) -> Call[AnomalyScores]:
    """Which rows are unlike the model's data: scores, conformal p-values and, if asked, why.

    Flagged are rows of p-values up to the false positive rate, which is 0.01 unless it is given;
    or so many that a share `fdr` of them are false alarms. `explain` features of each row are
    named.
    """
    return _ask(
        AnomalyScores,
        model,
        "anomaly",
        inputs=inputs,
        records=records,
        score=score,
        false_positive_rate=false_positive_rate,
        fdr=fdr,
        explain=explain,
    )


def impute(  # noqa: PLR0913
    model: str,
    inputs: ArrayLike | None = None,
    *,
    records: Records | None = None,
    num_samples: int = 256,
    num_imputations: int = 0,
    seed: int = 0,
    refine: int = 0,
) -> Call[Imputation]:
    """Missing values (NaN) given the observed ones: means or most probable codes, and draws."""
    return _ask(
        Imputation,
        model,
        "impute",
        inputs=inputs,
        records=records,
        num_samples=num_samples,
        num_imputations=num_imputations,
        seed=seed,
        refine=refine,
    )


def interpolate(
    model: str, start: ArrayLike, end: ArrayLike, *, steps: int = 8
) -> Call[Interpolation]:
    """Means at equal steps between the latents of two rows, both ends included."""
    return _ask(Interpolation, model, "interpolate", start=start, end=end, steps=steps)


def picture(
    model: str,
    /,
    question: Literal["decode", "sample", "reconstruct", "interpolate", "anomaly"],
    **body: ArrayLike | Records | None,
) -> Call[bytes]:
    """The images that a model of images answers a question with, as one PNG file.

    Args:
        model: The model.
        question: Which one.
        body: Its arguments, all by name.
    """
    headers = {"Accept": PNG, "Content-Type": "application/json"}
    return PictureCall("POST", f"{_path(model)}/{question}", bytes, written(body), headers)


def _ask(
    record: type[Record], model: str, question: str, **body: ArrayLike | Records | None
) -> Call[Record]:
    """The question with these fields."""
    return Call(
        "POST",
        f"{_path(model)}/{question}",
        partial(read_answer, record),
        written(body),
        {"Accept": "application/json", "Content-Type": "application/json"},
    )


def _path(model: str) -> str:
    return f"/v1/models/{quote(model, safe='@')}"
