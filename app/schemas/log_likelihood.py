"""Bodies of `log-likelihood`."""

from typing import Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from app.errors import Refusal, RefusedBodyError
from app.loaded_model import LoadedModel
from app.schemas.rows import RowsQuestion
from app.schemas.tensors import (
    CountPerRow,
    FlagPerRow,
    Measure,
    PerRow,
    PerRowOrNull,
    Refine,
    Reply,
    Seed,
    version_of,
)
from model_store.vae.estimators import LogLikelihoodEstimate


class LogLikelihoodRequest(RowsQuestion):
    """Rows to be scored."""

    num_samples: int = Field(
        default=256, ge=1, description="Importance samples; the bound rises with their number."
    )
    seed: Seed = 0
    target_standard_error: float | None = Field(
        default=None,
        gt=0,
        description="In nats. The samples of a row whose standard error is above it are doubled, "
        "until it is not or `max_samples` are drawn; other rows keep `num_samples`.",
    )
    max_samples: int | None = Field(
        default=None,
        ge=1,
        description="Most samples of a row, with a target; by default the most the server takes. "
        "It takes fewer rows the more samples they may need.",
    )
    refine: Refine = 0
    resolution: float | list[float] | None = Field(
        default=None,
        description="Width of an interval in data units, for all features or for each in flat "
        "order: the log-likelihood is then that of x - resolution / 2 < X <= x + resolution / 2, a "
        "probability. Discrete features have theirs whatever it is.",
    )

    @field_validator("resolution")
    @classmethod
    def _is_wide(cls, widths: float | list[float] | None) -> float | list[float] | None:
        if widths is None:
            return None
        if not all(width > 0 for width in (widths if isinstance(widths, list) else [widths])):
            raise PydanticCustomError("not_wide", "needed numbers above 0")
        if widths == []:
            raise PydanticCustomError("no_numbers", "needed a number, or one for each feature")
        return widths

    @field_validator("max_samples")
    @classmethod
    def _is_of_use(cls, most: int | None, info: ValidationInfo) -> int | None:
        if most is not None and info.data.get("target_standard_error", 0) is None:
            raise PydanticCustomError("useless", "needed with target_standard_error only")
        if most is not None and most < info.data.get("num_samples", 0):
            raise PydanticCustomError("too_few", "needed at least num_samples")
        return most

    def options(self, model: LoadedModel, limit: int) -> dict[str, Any]:
        """What the estimator is asked for, with at most `limit` samples of a row.

        Raises:
            RefusedBodyError: another number of resolutions than the model has features.
        """
        options: dict[str, Any] = {
            "num_samples": self.num_samples,
            "seed": self.seed,
            "refine": self.refine,
        }
        if self.resolution is not None:
            options["resolution"] = self._widths(len(model.features))
        if self.target_standard_error is None:
            return options
        most = max(self.num_samples, limit) if self.max_samples is None else self.max_samples
        return options | {
            "target_standard_error": self.target_standard_error,
            "max_samples": most,
        }

    def _widths(self, features: int) -> float | tuple[float, ...] | None:
        if not isinstance(self.resolution, list):
            return self.resolution
        if len(self.resolution) != features:
            message = (
                f"resolution has {len(self.resolution)} numbers; this model takes one, or "
                f"{features}: one for each feature."
            )
            raise RefusedBodyError(Refusal("resolution", message))
        return tuple(self.resolution)


class LogLikelihoodReply(Reply):
    """The importance-weighted bound on log p(x) of each row, in nats."""

    log_likelihood: PerRow = Field(description="Lower bound on log p(x), in expectation.")
    standard_error: PerRow | None = Field(
        description="Of the log-likelihood, over seeds; null with one sample."
    )
    effective_sample_size: PerRow = Field(
        description="How many equal weights the importance weights are worth, 1 ... num_samples."
    )
    pareto_k: PerRowOrNull = Field(
        description="Tail index of the importance weights: above 0.5 their variance is infinite, "
        "above 1 their mean. Null where all weights are equal (the posterior is exact, and "
        "`reliable` true) or do not tell (20 samples or fewer, or beyond 1.7e6 nats)."
    )
    reliable: FlagPerRow = Field(
        description="Whether the log-likelihood and its standard error can be trusted: pareto_k is "
        "at most 0.7, or all weights are equal."
    )
    bits_per_dim: PerRow = Field(
        description="-log_likelihood / (D log 2), D the observed features. Of a probability: bits "
        "to store a feature. Of a density: relative to cells of width 1 in data units, no constant "
        "added; papers that model grey levels as densities on [0, 1] add log2 256 = 8 for the "
        "cell, as `resolution` 1/256 does exactly."
    )
    elbo: PerRow = Field(description="The plain lower bound from the same samples.")
    num_samples: int | CountPerRow = Field(
        description="Samples used; those of each row if there was a target."
    )
    units: Literal["nats"] = "nats"
    measure: Measure = Field(description="What exp(log p) is: a density, a probability, or both.")

    @classmethod
    def of(cls, model: LoadedModel, estimate: LogLikelihoodEstimate, *, of_intervals: bool) -> Self:
        """The estimate as a body; that of intervals is a probability whatever the model's is."""
        return cls(
            model=version_of(model),
            log_likelihood=estimate.log_likelihood,
            standard_error=estimate.standard_error,
            effective_sample_size=estimate.effective_sample_size,
            pareto_k=estimate.pareto_k,
            reliable=estimate.reliable,
            bits_per_dim=estimate.bits_per_dim,
            elbo=estimate.elbo,
            num_samples=estimate.num_samples,
            measure="probability" if of_intervals else model.measure,
        )
