"""The frozen, versioned description a VAE is rebuilt from: pydantic models, JSON both ways."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    model_validator,
)

from model_store.calibration_schema import CalibrationSummary
from model_store.likelihood_schema import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Frozen,
    Gaussian,
    Laplace,
    Likelihood,
    Mixed,
    MixedPart,
    NegativeBinomial,
    OwnScale,
    PlainLikelihood,
    Poisson,
    Scale,
    StudentT,
)
from model_store.strict_json import check_plain

__all__ = [
    "FORMAT_VERSION",
    "LOGARITHMIC",
    "MAX_COMPONENTS",
    "MAX_FEATURES",
    "Bernoulli",
    "CalibrationSummary",
    "Categorical",
    "CheckpointDocument",
    "Components",
    "ContinuousBernoulli",
    "DataSummary",
    "DiscretizedLogistic",
    "Estimate",
    "Evaluation",
    "Feature",
    "Frozen",
    "Gaussian",
    "Kind",
    "Laplace",
    "Likelihood",
    "Mixed",
    "MixedPart",
    "MixturePrior",
    "ModelSchema",
    "NegativeBinomial",
    "Network",
    "OwnScale",
    "PlainLikelihood",
    "Poisson",
    "PosteriorName",
    "Prior",
    "Scale",
    "Size",
    "StudentT",
    "Transform",
    "VampPrior",
]

FORMAT_VERSION = 1

Kind = Literal["real", "unit_interval", "binary", "ordinal", "pixel", "categorical", "count"]
"""What values a feature takes; see `docs/checkpoint-format.md` for the table."""

Transform = Literal["none", "standardise", "affine", "log", "log1p"]
"""How a feature gets from data units to model units; see `docs/checkpoint-format.md`."""

LOGARITHMIC: tuple[Transform, ...] = ("log", "log1p")

MAX_FEATURES = 1_000_000

Size = Annotated[int, Field(ge=1, le=MAX_FEATURES)]


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


MAX_COMPONENTS = 4_096

Components = Annotated[int, Field(ge=1, le=MAX_COMPONENTS)]


class MixturePrior(Frozen):
    """A mixture of learned Gaussians with independent latents."""

    name: Literal["mixture"] = "mixture"
    components: Components


class VampPrior(Frozen):
    """The average posterior of as many learned pseudo-inputs."""

    name: Literal["vamp_prior"] = "vamp_prior"
    components: Components


Prior = (
    Literal["standard_normal"] | Annotated[MixturePrior | VampPrior, Field(discriminator="name")]
)

PosteriorName = Literal["diagonal", "full"]


class Network(Frozen):
    """A dense network: hidden widths between the given input and output; () is a linear map."""

    hidden_sizes: tuple[Annotated[int, Field(ge=1, le=65_536)], ...] = Field(
        default=(), max_length=64, fail_fast=True
    )


class LinearGaussianEncoder(Frozen):
    """The exact posterior of a linear decoder with a Gaussian likelihood, by its formula."""

    name: Literal["linear_gaussian"]


class ModelSchema(Frozen):
    """Everything but the weights: what `build` needs to make the same VAE again.

    With `encoder_sees_mask` the encoder takes one more input per feature: 1 if it is there.
    """

    event_shape: tuple[Size, ...] = Field(min_length=1, max_length=4, fail_fast=True)
    latent_dim: Annotated[int, Field(ge=1, le=65_536)]
    features: tuple[Feature, ...] = Field(max_length=MAX_FEATURES, fail_fast=True)
    likelihood: Likelihood
    encoder: Network | LinearGaussianEncoder = Network()
    decoder: Network = Network()
    prior: Prior = "standard_normal"
    posterior: PosteriorName = "diagonal"
    encoder_sees_mask: bool = False

    @property
    def num_features(self) -> int:
        """Product of the event shape."""
        return math.prod(self.event_shape)

    @property
    def prior_name(self) -> str:
        """What kind of prior it has."""
        return self.prior if isinstance(self.prior, str) else self.prior.name

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
    def _the_formula_needs_a_linear_gaussian_model(self) -> Self:
        if not isinstance(self.encoder, LinearGaussianEncoder):
            return self
        is_gaussian = isinstance(self.likelihood, Gaussian) and self.likelihood.scale != "predicted"
        is_plain = self.prior == "standard_normal" and not self.encoder_sees_mask
        if not (is_gaussian and is_plain and self.decoder.hidden_sizes == ()):
            raise ValueError(
                "encoder linear_gaussian needs a linear decoder, a Gaussian likelihood whose scale "
                "is not predicted, prior standard_normal and no encoder_sees_mask."
            )
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
    """Held-out numbers of the published model, at KL weight 1 and in data units.

    `reliable_fraction` is the share of the rows whose log-likelihood and its error can be trusted.
    """

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
    reliable_fraction: float | None = Field(default=None, ge=0, le=1)


class DataSummary(Frozen):
    """Where the rows came from, how they were split, and how many of their cells are missing.

    `calibration_rows` neither trained nor selected nor evaluated the model.
    """

    source: str
    train_rows: int
    validation_rows: int
    test_rows: int
    calibration_rows: int = Field(default=0, ge=0)
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
    calibration: CalibrationSummary | None = None
    libraries: dict[str, str]
    created: AwareDatetime
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
