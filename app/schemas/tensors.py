"""Tensors as fields of pydantic models: checked at the wire, described on the API page.

Pydantic sees a tensor as one value. Its shape has been checked when it was decoded, against the
model that is asked, and no number of it becomes a Python object.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache, lru_cache
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from app.drift import Drift
from app.loaded_model import LoadedModel, readable_row
from app.wire.columns import Table
from app.wire.diagnosis import Row
from app.wire.undefined import MayBeUndefined
from model_store.vae.noise import MAX_SEED
from model_store.vae.refinement import MAX_STEPS

EVENT = "*event_shape"
LATENTS = "latent_dim"


class TensorField:
    """Marks a field that pydantic takes as one value: the wire has checked its shape."""

    def __get_pydantic_core_schema__(
        self,
        source: Any,  # noqa: ANN401 - pydantic's interface
        handler: GetCoreSchemaHandler,
    ) -> CoreSchema:
        """Any tensor."""
        return core_schema.is_instance_schema(torch.Tensor)


class Axes(TensorField):
    """The axes of a tensor by their names: what the wire checks and the API page shows.

    Args:
        names: From the first axis on; `EVENT` stands for as many as a row of the model has.
        number: JSON's name of what the tensor holds.
    """

    def __init__(self, *names: str, number: str = "number") -> None:
        self.names = names
        self.number = number

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Arrays in arrays of numbers; of an event's axes only that there are some is known."""
        described: dict[str, Any] = {} if self.names[-1] == EVENT else {"type": self.number}
        for _ in self.names:
            described = {"type": "array", "items": described}
        return {**described, "x-shape": f"({', '.join(self.names)})"}


Inputs = Annotated[torch.Tensor, Axes("rows", EVENT)]
LatentRows = Annotated[torch.Tensor, Axes("rows", LATENTS)]
PerRow = Annotated[torch.Tensor, Axes("rows")]
PerRowOrNull = Annotated[torch.Tensor, Axes("rows"), MayBeUndefined()]
FlagPerRow = Annotated[torch.Tensor, Axes("rows", number="boolean")]
CountPerRow = Annotated[torch.Tensor, Axes("rows", number="integer")]

Measure = Literal["density", "probability", "mixed"]

Seed = Annotated[
    int,
    Field(
        ge=0,
        le=MAX_SEED,
        description="All randomness is a function of the seed and the sample's number: "
        "the same request has the same answer.",
    ),
]

Refine = Annotated[
    int,
    Field(
        ge=0,
        le=MAX_STEPS,
        description="Steps in which a better proposal than the encoder's is looked for, for each "
        "row; 10 are mostly enough. The answer is no worse for it, but takes the server more work.",
    ),
]


class Question(BaseModel):
    """A request body: a tensor or two, and options of exactly these types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    answers_tables_in_kind: ClassVar[bool] = False
    """Whether a table as text is answered as one unless the Accept header says otherwise."""

    answers_streams: ClassVar[bool] = False
    """Whether rows may come line by line, each answered by itself."""

    of_whole_requests: ClassVar[Collection[str]] = ()
    """Options that say something about all rows of a request, which a stream has no number of."""

    @classmethod
    def rows(cls, model: LoadedModel) -> Mapping[str, Row]:
        """What one row of each of its tensors is for this model."""
        return {
            name: model.row if axes.names[-1] == EVENT else model.latent_row
            for name, axes in _axes_of(cls).items()
        }

    @classmethod
    def in_body(cls) -> Collection[str]:
        """Its fields that hold rows: a query string has no place for them."""
        return _axes_of(cls).keys()

    @classmethod
    def tables(
        cls,
        model: LoadedModel,  # noqa: ARG003 - for the questions that have some
        admit: Callable[[int], None],  # noqa: ARG003
    ) -> Mapping[str, Table]:
        """What its fields of records hold for this model; most questions have none.

        Args:
            model: The model that is asked.
            admit: Raises for more rows than the server takes.
        """
        return {}

    @classmethod
    def example(cls, model: LoadedModel) -> dict[str, object]:
        """A body that this model answers as it stands: readable rows, and options by default."""
        tensors = {
            name: _example_row(model, axes, float(place))
            for place, (name, axes) in enumerate(_axes_of(cls).items())
        }
        options = {n: f.default for n, f in cls.model_fields.items() if n not in tensors}
        return {**tensors, **options}


@cache
def _axes_of(question: type[Question]) -> Mapping[str, Axes]:
    """The fields that hold tensors, and their axes."""
    return {
        name: axes
        for name, field in question.model_fields.items()
        for axes in field.metadata
        if isinstance(axes, Axes)
    }


def _example_row(model: LoadedModel, axes: Axes, latent: float) -> list[Any]:
    """One row; `latent` tells those of one request apart."""
    latents = torch.full((1, model.vae.latent_dim), latent)
    row = readable_row(model.vae, latents) if axes.names[-1] == EVENT else latents
    whole = bool((row == row.round()).all())
    return row.long().tolist() if whole else row.tolist()


class ModelVersion(BaseModel):
    """The model that answered; its version is a number even where an alias was asked."""

    name: str
    version: int


class Reply(BaseModel):
    """A model's answer; optional fields are left out unless they were set."""

    model: ModelVersion = Field(description="The model and the version that answered.")

    def tell(self, drift: Drift, model: LoadedModel) -> None:
        """Tells what p-values there are in it, if any."""


@lru_cache(maxsize=1024)
def _version(name: str, version: int) -> ModelVersion:
    return ModelVersion(name=name, version=version)


def version_of(model: LoadedModel) -> ModelVersion:
    """The model's name in its own answers."""
    return _version(model.name, model.version)


def if_any(**values: torch.Tensor | None) -> dict[str, Any]:
    """The fields that have a value, so that the others stay unset."""
    return {name: value for name, value in values.items() if value is not None}
