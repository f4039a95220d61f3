"""Bodies of `impute`."""

from typing import Annotated, Literal, Self

import torch
from pydantic import Field

from app.loaded_model import LoadedModel
from app.schemas.observations import central, drawn
from app.schemas.rows import RowsQuestion
from app.schemas.tensors import (
    EVENT,
    Axes,
    FlagPerRow,
    Measure,
    PerRow,
    PerRowOrNull,
    Refine,
    Reply,
    Seed,
    if_any,
    version_of,
)
from app.wire.undefined import MayBeUndefined
from model_store.vae.estimators import Imputation

PerFeatureOrNull = Annotated[torch.Tensor, Axes("rows", EVENT), MayBeUndefined()]


class ImputeRequest(RowsQuestion):
    """Rows with gaps."""

    num_samples: int = Field(
        default=256, ge=1, description="Importance samples; bias and error fall with their number."
    )
    num_imputations: int = Field(
        default=0, ge=0, description="Draws of each row's missing values, for multiple imputation."
    )
    seed: Seed = 0
    refine: Refine = 0


class ImputeReply(Reply):
    """Rows without gaps, and how sure that is."""

    outputs: Annotated[torch.Tensor, Axes("rows", EVENT)] = Field(
        description="Observed values as they came; missing ones their mean given the observed "
        "ones, or of unordered features the most probable code."
    )
    standard_deviation: PerFeatureOrNull = Field(
        description="Of a missing value given the observed ones: how far the true one may lie. "
        "0 where observed; null where there is none: unordered features, and Student's t with two "
        "or fewer degrees of freedom."
    )
    standard_error: PerFeatureOrNull = Field(
        description="Of `outputs`, over seeds: falls with `num_samples`. 0 where observed; null "
        "for unordered features and with one sample."
    )
    log_likelihood: PerRow = Field(
        description="Lower bound on log p of the observed values, in expectation and in nats; 0 "
        "where nothing is observed."
    )
    log_likelihood_standard_error: PerRow | None = Field(
        description="Of the log-likelihood, over seeds; null with one sample."
    )
    effective_sample_size: PerRow = Field(
        description="How many equal weights the importance weights are worth, 1 ... num_samples."
    )
    pareto_k: PerRowOrNull = Field(
        description="Tail index of the importance weights; null where all are equal or do not tell."
    )
    reliable: FlagPerRow = Field(
        description="Whether the numbers of this row can be trusted: pareto_k is at most 0.7, or "
        "all weights are equal."
    )
    samples: Annotated[torch.Tensor, Axes("rows", "num_imputations", EVENT)] | None = Field(
        default=None,
        description="Rows with their gaps filled by draws, if asked for: the features of one draw "
        "belong together.",
    )
    units: Literal["nats"] = "nats"
    measure: Measure = Field(description="What exp(log p) is: a density, a probability, or both.")

    @classmethod
    def of(cls, model: LoadedModel, imputation: Imputation) -> Self:
        """The imputation as a body."""
        evidence, samples = imputation.evidence, imputation.samples
        return cls(
            model=version_of(model),
            outputs=central(model, imputation.outputs),
            standard_deviation=imputation.standard_deviation,
            standard_error=imputation.standard_error,
            log_likelihood=evidence.log_likelihood,
            log_likelihood_standard_error=evidence.standard_error,
            effective_sample_size=evidence.effective_sample_size,
            pareto_k=evidence.pareto_k,
            reliable=evidence.reliable,
            measure=model.measure,
            **if_any(samples=None if samples is None else drawn(model, samples)),
        )
