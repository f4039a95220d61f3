"""Bodies of `elbo`."""

from typing import Annotated, Literal, Self

import torch
from pydantic import Field

from app.loaded_model import LoadedModel
from app.schemas.rows import RowsQuestion
from app.schemas.tensors import (
    EVENT,
    LATENTS,
    Axes,
    Measure,
    PerRow,
    Reply,
    Seed,
    if_any,
    version_of,
)
from model_store.vae.estimators import ElboEstimate
from model_store.vae.priors import KlEstimator


class ElboRequest(RowsQuestion):
    """Rows to be scored."""

    num_samples: int = Field(default=16, ge=1, description="Latents drawn for each row.")
    seed: Seed = 0
    per_feature: bool = Field(default=False, description="Whether to split the reconstruction.")
    per_latent: bool = Field(default=False, description="Whether to split the KL divergence.")


class ElboReply(Reply):
    """The elbo of each row, in nats: elbo = reconstruction - kl_divergence."""

    elbo: PerRow = Field(description="Lower bound on log p(x); higher is likelier.")
    reconstruction: PerRow = Field(description="E_q[log p(x | z)], z drawn from q(z | x).")
    kl_divergence: PerRow = Field(description="KL(q(z | x) || p(z)).")
    kl_estimator: KlEstimator = Field(
        description="Whether that is in closed form or from the same draws as the elbo."
    )
    kl_standard_error: PerRow | None = Field(
        default=None,
        description="Of the KL divergence, over seeds: left out where it is analytic, which has "
        "none, and with one sample.",
    )
    standard_error: PerRow | None = Field(
        description="Of the elbo, over seeds; null with one sample, which says nothing of it."
    )
    per_feature: Annotated[torch.Tensor, Axes("rows", EVENT)] | None = Field(
        default=None, description="If asked for; sums to the reconstruction."
    )
    per_latent: Annotated[torch.Tensor, Axes("rows", LATENTS)] | None = Field(
        default=None, description="If asked for; sums to the KL divergence."
    )
    units: Literal["nats"] = "nats"
    measure: Measure = Field(description="What exp(log p) is: a density, a probability, or both.")

    @classmethod
    def of(cls, model: LoadedModel, estimate: ElboEstimate) -> Self:
        """The estimate as a body."""
        return cls(
            model=version_of(model),
            elbo=estimate.elbo,
            reconstruction=estimate.reconstruction,
            kl_divergence=estimate.kl_divergence,
            kl_estimator=estimate.kl_estimator,
            standard_error=estimate.standard_error,
            measure=model.measure,
            **if_any(
                kl_standard_error=estimate.kl_standard_error,
                per_feature=estimate.per_feature,
                per_latent=estimate.per_latent,
            ),
        )
