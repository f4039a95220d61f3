"""Bodies of `interpolate`."""

from typing import Annotated, Self

import torch
from pydantic import Field
from torch import Tensor

from app.loaded_model import LoadedModel
from app.schemas.observations import central
from app.schemas.pictures import RowsReply
from app.schemas.tensors import EVENT, LATENTS, Axes, Inputs, Question, version_of
from model_store.vae.generation import Interpolation


class InterpolateRequest(Question):
    """Pairs of rows to go between."""

    start: Inputs = Field(description="Rows to begin at, in the data's own units.")
    end: Inputs = Field(description="As many rows to end at.")
    steps: int = Field(default=8, ge=1, description="Points on the way, both ends included.")


class InterpolateReply(RowsReply):
    """What lies between two rows, according to the model."""

    outputs: Annotated[torch.Tensor, Axes("rows", "steps", EVENT)] = Field(
        description="Mean of p(x | z) at each step; of unordered features the likeliest code."
    )
    latents: Annotated[torch.Tensor, Axes("rows", "steps", LATENTS)] = Field(
        description="The straight line between the posterior means of the two rows."
    )

    @classmethod
    def of(cls, model: LoadedModel, found: Interpolation) -> Self:
        """The interpolation as a body."""
        return cls(
            model=version_of(model), outputs=central(model, found.outputs), latents=found.latents
        )

    def images_of_rows(self) -> tuple[Tensor, int | None]:
        """A line for each pair of rows."""
        return self.outputs.flatten(0, 1), self.outputs.shape[1]
