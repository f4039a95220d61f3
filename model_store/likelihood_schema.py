"""The part of the description that says what p(x | z) is: one record for each likelihood."""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Scale = Literal["fixed", "shared", "per_feature", "predicted"]
"""How a Gaussian's standard deviation is parametrised."""

OwnScale = Literal["per_feature", "predicted"]
"""How the scale of the other laws is: features have no unit in common, so none is shared."""

# Fails fast, as all long tuples do: an error per item of a wrong file would fill the memory.
Counts = Annotated[
    tuple[Annotated[int, Field(ge=2, le=4_096)], ...], Field(min_length=1, fail_fast=True)
]


class Frozen(BaseModel):
    """A value: immutable, and without fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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
