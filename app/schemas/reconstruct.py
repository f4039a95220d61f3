"""Bodies of `reconstruct`."""

from typing import Self

from pydantic import Field
from torch import Tensor

from app.loaded_model import LoadedModel
from app.schemas.observations import central
from app.schemas.pictures import RowsReply
from app.schemas.rows import RowsQuestion
from app.schemas.tensors import Inputs, Seed, version_of


class ReconstructRequest(RowsQuestion):
    """Rows to be seen through the model."""

    num_samples: int = Field(
        default=0,
        ge=0,
        description="Latents to average over; with 0, the latent is the posterior's mean.",
    )
    seed: Seed = 0


class ReconstructReply(RowsReply):
    """Each row as the model sees it, in the data's own units."""

    outputs: Inputs = Field(
        description="Mean of p(x | z); of unordered features the most probable code."
    )

    @classmethod
    def of(cls, model: LoadedModel, outputs: Tensor) -> Self:
        """The reconstructions as a body."""
        return cls(model=version_of(model), outputs=central(model, outputs))

    def images_of_rows(self) -> tuple[Tensor, int | None]:
        """The rows in their order."""
        return self.outputs, None
