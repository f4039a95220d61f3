"""The frozen, versioned description a VAE is rebuilt from: pydantic models, JSON both ways."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from model_store.strict_json import check_plain

FORMAT_VERSION = 1

Kind = Literal["real", "unit_interval", "binary", "ordinal", "pixel", "categorical", "count"]
"""What values a feature takes; see `docs/checkpoint-format.md` for the table."""

Transform = Literal["none", "standardise", "affine", "log", "log1p"]
"""How a feature gets from data units to model units; see `docs/checkpoint-format.md`."""

LOGARITHMIC: tuple[Transform, ...] = ("log", "log1p")

Scale = Literal["fixed", "shared", "per_feature", "predicted"]
"""How a Gaussian's standard deviation is parametrised."""

OwnScale = Literal["per_feature", "predicted"]
"""How the scale of the other laws is: features have no unit in common, so none is shared."""

MAX_FEATURES = 1_000_000

Size = Annotated[int, Field(ge=1, le=MAX_FEATURES)]
# Fails fast, as all long tuples do: an error per item of a wrong file would fill the memory.
Counts = Annotated[
    tuple[Annotated[int, Field(ge=2, le=4_096)], ...], Field(min_length=1, fail_fast=True)
]


class Frozen(BaseModel):
    """A value: immutable, and without fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Feature(Frozen):
    """One feature of the inputs, in the user's units.

    `categories` names the codes 0, 1, ... of a categorical feature; `levels` is L for ordinal and
    pixel features, whose values are 0 ... L-1. `transform` says what the constants of the transform
    stand for; only its logarithms change what is computed.
    """

    name: str = Field(min_length=1, max_length=256)
    kind: Kind
    likelihood: str
    transform: Transform = "none"
    categories: tuple[str, ...] | None = Field(default=None, fail_fast=True)
    levels: int | None = Field(default=None, ge=2)

    @property
    def count(self) -> int | None:
        """How many values the feature takes, where it says so."""
        return self.levels if self.categories is None else len(self.categories)


class Bernoulli(Frozen):
    """Binary features."""

    name: Literal["bernoulli"] = "bernoulli"


class Categorical(Frozen):
    """Unordered codes 0 ... cardinality-1; one cardinality per feature, 1 if it never varies."""

    name: Literal["categorical"] = "categorical"
    cardinalities: tuple[Annotated[int, Field(ge=1, le=65_536)], ...] = Field(
        min_length=1, fail_fast=True
    )

    @property
    def counts(self) -> tuple[int, ...]:
        """How many values each feature takes."""
        return self.cardinalities


class Gaussian(Frozen):
    """Real features; `floor` bounds the standard deviation from below, in model units."""

    name: Literal["gaussian"] = "gaussian"
    scale: Scale = "per_feature"
    floor: float = Field(default=math.exp(-5.0), gt=0)


class Laplace(Frozen):
    """Real features with heavier tails; `floor` bounds the mean absolute deviation likewise."""

    name: Literal["laplace"] = "laplace"
    scale: OwnScale = "per_feature"
    floor: float = Field(default=math.exp(-5.0), gt=0)


class StudentT(Frozen):
    """Real features with outliers; `floor` bounds the scale likewise."""

    name: Literal["student_t"] = "student_t"
    scale: OwnScale = "per_feature"
    floor: float = Field(default=math.exp(-5.0), gt=0)


class ContinuousBernoulli(Frozen):
    """Numbers from 0 to 1."""

    name: Literal["continuous_bernoulli"] = "continuous_bernoulli"


class DiscretizedLogistic(Frozen):
    """Ordered integers 0 ... levels-1; one number of levels per feature."""

    name: Literal["discretized_logistic"] = "discretized_logistic"
    levels: Counts
    scale: OwnScale = "predicted"

    @property
    def counts(self) -> tuple[int, ...]:
        """How many values each feature takes."""
        return self.levels


class Poisson(Frozen):
    """Counts."""

    name: Literal["poisson"] = "poisson"


class NegativeBinomial(Frozen):
    """Counts that vary more; with `zero_inflation`, z says how likely a zero of its own is."""

    name: Literal["negative_binomial"] = "negative_binomial"
    zero_inflation: bool = False


PlainLikelihood = Annotated[
    Bernoulli
    | Categorical
    | Gaussian
    | Laplace
    | StudentT
    | ContinuousBernoulli
    | DiscretizedLogistic
    | Poisson
    | NegativeBinomial,
    Field(discriminator="name"),
]


class MixedPart(Frozen):
    """Features that share one kind of likelihood, by their flat indices."""

    columns: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1, fail_fast=True)
    likelihood: PlainLikelihood


class Mixed(Frozen):
    """One likelihood per column of a table."""

    name: Literal["mixed"] = "mixed"
    parts: tuple[MixedPart, ...] = Field(min_length=1, max_length=1_000, fail_fast=True)


Likelihood = Annotated[
    PlainLikelihood | Mixed,
    Field(discriminator="name"),
]


class Network(Frozen):
    """A dense network: hidden widths between the given input and output; () is a linear map."""

    hidden_sizes: tuple[Annotated[int, Field(ge=1, le=65_536)], ...] = Field(
        default=(), max_length=64, fail_fast=True
    )


class ModelSchema(Frozen):
    """Everything but the weights: what `build` needs to make the same VAE again.

    With `encoder_sees_mask` the encoder takes one more input per feature: 1 if it is there.
    """

    event_shape: tuple[Size, ...] = Field(min_length=1, max_length=4, fail_fast=True)
    latent_dim: Annotated[int, Field(ge=1, le=65_536)]
    features: tuple[Feature, ...] = Field(max_length=MAX_FEATURES, fail_fast=True)
    likelihood: Likelihood
    encoder: Network = Network()
    decoder: Network = Network()
    prior: Literal["standard_normal"] = "standard_normal"
    posterior: Literal["diagonal"] = "diagonal"
    encoder_sees_mask: bool = False

    @property
    def num_features(self) -> int:
        """Product of the event shape."""
        return math.prod(self.event_shape)

    @model_validator(mode="after")
    def _one_feature_per_cell(self) -> Self:
        if len(self.features) != self.num_features:
            raise ValueError(
                f"{len(self.features)} features for event shape {self.event_shape}; "
                f"needed {self.num_features}."
            )
        if len({feature.name for feature in self.features}) != len(self.features):
            raise ValueError("two features have the same name.")
        return self

    @model_validator(mode="after")
    def _one_likelihood_per_feature(self) -> Self:
        everything = tuple(range(self.num_features))
        parts = [(everything, self.likelihood)]
        if isinstance(self.likelihood, Mixed):
            parts = [(part.columns, part.likelihood) for part in self.likelihood.parts]
        if sorted(column for columns, _ in parts for column in columns) != list(everything):
            raise ValueError("the parts of the likelihood need to hold every feature once.")
        for columns, likelihood in parts:
            self._check_counts(columns, likelihood)
            self._check_logarithms(columns, likelihood)
        return self

    def _check_logarithms(self, columns: tuple[int, ...], likelihood: Likelihood) -> None:
        """Under another law than the Gaussian, e to the power of x need not have a mean."""
        if isinstance(likelihood, Gaussian):
            return
        for feature in (self.features[column] for column in columns):
            if feature.transform in LOGARITHMIC:
                raise ValueError(
                    f"feature {feature.name!r} has transform {feature.transform} and likelihood "
                    f"{likelihood.name}; needed gaussian."
                )

    def _check_counts(self, columns: tuple[int, ...], likelihood: Likelihood) -> None:
        """Codes without a category, or categories without a code, would fail when asked for."""
        if not isinstance(likelihood, Categorical | DiscretizedLogistic):
            return
        if len(likelihood.counts) != len(columns):
            raise ValueError(
                f"the likelihood has {len(likelihood.counts)} features; needed {len(columns)}."
            )
        for column, count in zip(columns, likelihood.counts, strict=True):
            feature = self.features[column]
            if feature.count not in {None, count}:
                raise ValueError(
                    f"feature {feature.name!r} has {feature.count} values, its likelihood {count}."
                )


class Estimate(Frozen):
    """A number and its standard error over the held-out rows, in nats per row."""

    value: float
    standard_error: float = Field(ge=0)


class Evaluation(Frozen):
    """Held-out numbers of the published model, at KL weight 1 and in data units."""

    rows: int = Field(ge=1)
    num_samples: int = Field(ge=1)
    elbo: Estimate
    log_likelihood: Estimate
    reconstruction: Estimate
    kl_divergence: Estimate
    bits_per_dim: float
    active_units: int = Field(ge=0)
    kl_per_latent: tuple[float, ...] = Field(fail_fast=True)
    features_at_floor: tuple[str, ...] = Field(default=(), fail_fast=True)


class DataSummary(Frozen):
    """Where the rows came from, how they were split, and how many of their cells are missing."""

    source: str
    train_rows: int
    validation_rows: int
    test_rows: int
    constant_features: tuple[str, ...] = Field(default=(), fail_fast=True)
    missing_cells: int = Field(default=0, ge=0)


class CheckpointDocument(Frozen):
    """The JSON document in a checkpoint's metadata; `digest` is over the tensor bytes."""

    format_version: Literal[1] = 1
    model: ModelSchema
    objective: str
    seed: int = Field(ge=0)
    training: Annotated[dict[str, Any], AfterValidator(check_plain)]
    data: DataSummary
    evaluation: Evaluation
    libraries: dict[str, str]
    created: AwareDatetime
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
