"""Bodies of `encode`."""

from typing import Annotated, Self

import torch
from pydantic import Field

from app.loaded_model import LoadedModel
from app.schemas.rows import RowsQuestion
from app.schemas.tensors import (
    LATENTS,
    Axes,
    LatentRows,
    PerRow,
    Reply,
    Seed,
    if_any,
    version_of,
)
from model_store.vae.generation import Encoding
from model_store.vae.priors import KlEstimator


class EncodeRequest(RowsQuestion):
    """Rows whose latents are asked for."""

    num_samples: int = Field(default=0, ge=0, description="Latents to draw for each row.")
    seed: Seed = 0


class EncodeReply(Reply):
    """q(z | x) of each row."""

    loc: LatentRows = Field(description="Mean of each latent.")
    scale: LatentRows = Field(description="Standard deviation of each latent.")
    kl_divergence: PerRow = Field(description="KL(q(z | x) || p(z)), in nats.")
    kl_estimator: KlEstimator = Field(
        description="Whether that is in closed form or from 256 draws of the seed."
    )
    kl_standard_error: PerRow | None = Field(
        default=None, description="Of the KL divergence, over seeds; left out where analytic."
    )
    samples: Annotated[torch.Tensor, Axes("rows", "num_samples", LATENTS)] | None = Field(
        default=None, description="Draws from q(z | x), if asked for."
    )

    @classmethod
    def of(cls, model: LoadedModel, encoding: Encoding) -> Self:
        """The encoding as a body."""
        return cls(
            model=version_of(model),
            loc=encoding.loc,
            scale=encoding.scale,
            kl_divergence=encoding.kl_divergence,
            kl_estimator=encoding.kl_estimator,
            **if_any(kl_standard_error=encoding.kl_standard_error, samples=encoding.samples),
        )
