"""Bodies of `sample`."""

from typing import Annotated, Self

import torch
from pydantic import Field
from torch import Tensor

from app.loaded_model import LoadedModel
from app.schemas.observations import central, drawn
from app.schemas.pictures import RowsReply
from app.schemas.tensors import EVENT, LATENTS, Axes, Question, Seed, version_of
from model_store.vae.generation import Samples


class SampleRequest(Question):
    """How many rows to make up, and how."""

    num_samples: int = Field(default=16, ge=1, description="Rows to draw.")
    seed: Seed = 0
    temperature: float = Field(
        default=1.0,
        ge=0,
        description="Factor on the prior's standard deviations; a mixture keeps its means.",
    )
    observation_noise: bool = Field(
        default=True, description="Whether to draw from p(x | z) or to take its mean."
    )

    @classmethod
    def example(cls, model: LoadedModel) -> dict[str, object]:
        """Two rows: sixteen are more than a page can show."""
        return {**super().example(model), "num_samples": 2}


class SampleReply(RowsReply):
    """New rows in the data's own units."""

    samples: Annotated[torch.Tensor, Axes("num_samples", EVENT)] = Field(
        description="Draws, or without observation noise the means they scatter around."
    )
    latents: Annotated[torch.Tensor, Axes("num_samples", LATENTS)] = Field(
        description="The latents they were decoded from."
    )

    @classmethod
    def of(cls, model: LoadedModel, made: Samples, *, observation_noise: bool) -> Self:
        """The samples as a body."""
        shown = drawn if observation_noise else central
        return cls(
            model=version_of(model), samples=shown(model, made.samples), latents=made.latents
        )

    def images_of_rows(self) -> tuple[Tensor, int | None]:
        """The samples in any order."""
        return self.samples, None
