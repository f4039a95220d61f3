"""Bodies of `decode`."""

from typing import Annotated, Self

import torch
from pydantic import Field
from torch import Tensor

from app.loaded_model import LoadedModel
from app.schemas.observations import central, drawn
from app.schemas.pictures import RowsReply
from app.schemas.tensors import (
    EVENT,
    Axes,
    LatentRows,
    Question,
    Seed,
    if_any,
    version_of,
)
from model_store.schema import Categorical, Mixed
from model_store.vae.generation import Decoding

Parameter = Annotated[torch.Tensor, Axes("rows", EVENT)]


class DecodeRequest(Question):
    """Latents to be decoded."""

    latents: LatentRows = Field(description="One latent a row.")
    num_samples: int = Field(default=0, ge=0, description="Observations to draw for each latent.")
    seed: Seed = 0


class DecodeReply(RowsReply):
    """p(x | z) of each latent, in the data's own units."""

    outputs: Annotated[torch.Tensor, Axes("rows", EVENT)] = Field(
        description="The mean of p(x | z); of unordered features the most probable code."
    )
    parameters: dict[str, Parameter | dict[str, Parameter]] = Field(
        description="The likelihood's parameters by name; for a table of several likelihoods, or "
        "where some features have a `transform` with a logarithm, those of each feature by the "
        "feature's name. `probs` of categories has one more axis. Where log x is Gaussian, or "
        "log(c + x), `loc_of_log` and `scale_of_log` are its mean and standard deviation."
    )
    samples: Annotated[torch.Tensor, Axes("rows", "num_samples", EVENT)] | None = Field(
        default=None, description="Draws from p(x | z), if asked for."
    )

    @classmethod
    def of(cls, model: LoadedModel, decoding: Decoding) -> Self:
        """The decoding as a body."""
        samples = decoding.samples
        return cls(
            model=version_of(model),
            outputs=central(model, decoding.outputs),
            parameters=_by_name(model, decoding.parameters),
            **if_any(samples=None if samples is None else drawn(model, samples)),
        )

    def images_of_rows(self) -> tuple[Tensor, int | None]:
        """A line a latent if there are draws: the mean, then the draws."""
        if self.samples is None:
            return self.outputs, None
        together = torch.cat([self.outputs.unsqueeze(1), self.samples], dim=1)
        return together.flatten(0, 1), together.shape[1]


def _by_name(
    model: LoadedModel, parameters: dict[str, Tensor]
) -> dict[str, Tensor | dict[str, Tensor]]:
    """Those of features with several laws by feature; those of other models as they are."""
    if not any("." in key for key in parameters):
        return dict(parameters)
    likelihood = model.document.model.likelihood
    categories = _categories(likelihood) if isinstance(likelihood, Mixed) else {}
    named: dict[str, dict[str, Tensor]] = {feature.name: {} for feature in model.features}
    for key, value in parameters.items():
        column, _, parameter = key.partition(".")
        # Columns of one part are padded to the widest of them.
        own = value[:, : categories[int(column)]] if value.ndim > 1 else value
        named[model.features[int(column)].name][parameter] = own
    return dict(named)


def _categories(likelihood: Mixed) -> dict[int, int]:
    """How many categories each unordered column has."""
    return {
        column: count
        for part in likelihood.parts
        if isinstance(part.likelihood, Categorical)
        for column, count in zip(part.columns, part.likelihood.cardinalities, strict=True)
    }
