"""Questions about rows: given as arrays or, of a table, as records."""

from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic_core import CoreSchema, PydanticCustomError
from torch import Tensor

from app.errors import Refusal, RefusedBodyError
from app.loaded_model import LoadedModel
from app.schemas.tensors import EVENT, Axes, Question, TensorField
from app.wire.columns import Table


class RecordList(TensorField):
    """Marks a tensor whose rows are written as objects: {feature name: value}."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Objects of values by the features' names."""
        values = {"type": ["number", "string", "null"]}
        record = {"type": "object", "additionalProperties": values}
        return {"type": "array", "minItems": 1, "items": record}


def _either(schema: dict[str, Any]) -> None:
    """Says in the schema that it takes `inputs` or `records`, and that neither may be null."""
    for name in ("inputs", "records"):
        schema["properties"][name].pop("default")
    schema["oneOf"] = [{"required": ["inputs"]}, {"required": ["records"]}]


class RowsQuestion(Question):
    """A question about rows: one of the two fields is a tensor, the other None."""

    model_config = ConfigDict(json_schema_extra=_either)

    inputs: Annotated[Tensor | None, Axes("rows", EVENT)] = Field(
        default=None,
        description="Rows in the data's own units; null where a value is missing.",
    )
    records: Annotated[Tensor | None, RecordList()] = Field(
        default=None,
        description="In the place of `inputs`, for tables: the values of each row by the names of "
        "the features, categories by theirs. What is null or absent is missing.",
    )

    @property
    def given(self) -> Mapping[str, Tensor]:
        """The rows, under the name of the field they came in."""
        either = {"inputs": self.inputs, "records": self.records}
        return {name: rows for name, rows in either.items() if rows is not None}

    @classmethod
    def in_body(cls) -> Collection[str]:
        """Records are rows too."""
        return {*super().in_body(), "records"}

    @classmethod
    def tables(cls, model: LoadedModel, admit: Callable[[int], None]) -> Mapping[str, Table]:
        """Records of the model's features."""
        return {"records": Table(model.columns, model.event_shape, admit)}

    @classmethod
    def example(cls, model: LoadedModel) -> dict[str, object]:
        """With `inputs`, which every model takes."""
        return {n: value for n, value in super().example(model).items() if n != "records"}

    @field_validator("records", mode="before")
    @classmethod
    def _is_of_records(cls, value: object) -> object:
        # In a medium that has none there can still be something of that name.
        if not isinstance(value, Tensor):
            raise PydanticCustomError("no_records", "needed an array of records")
        return value

    @model_validator(mode="after")
    def _has_rows_once(self) -> Self:
        # Not as pydantic's error: that would have no place.
        if self.inputs is None and self.records is None:
            message = "inputs is missing; needed it, or the records of a table."
            raise RefusedBodyError(Refusal("inputs", message))
        if self.inputs is not None and self.records is not None:
            message = "The body has both inputs and records; needed one of the two."
            raise RefusedBodyError(Refusal("records", message))
        return self
