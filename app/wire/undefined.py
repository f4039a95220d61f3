"""Numbers that may be undefined: not finite in a tensor, null in JSON, empty in CSV."""

from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema
from torch import Tensor

from model_store.errors import OutOfRangeError


class MayBeUndefined:
    """Marks a field of such numbers; all other numbers of a body must be finite."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Numbers, or null."""
        return _or_null(handler(schema))


def _or_null(described: dict[str, Any]) -> dict[str, Any]:
    """The same arrays; of an event's axes nothing is said but that there are some."""
    if "items" in described:
        return {**described, "items": _or_null(described["items"])}
    return {**described, "type": ["number", "null"]} if "type" in described else described


def array_of(body: type[BaseModel], field: str, values: Tensor) -> np.ndarray:
    """The tensor of a field as an array in C order, NaN for what is undefined.

    Args:
        body: The class of the answer.
        field: The field, or a path that begins with it.
        values: What it holds.

    Raises:
        OutOfRangeError: a number is not finite and the field is not marked as one where that means
            undefined.
    """
    array = values.numpy(force=True)
    finite = np.isfinite(array)
    if finite.all():
        return np.ascontiguousarray(array)
    if not may_be_undefined(body, field):
        raise OutOfRangeError(row=int(np.argwhere(~finite)[0][0]), quantity=field)
    return np.where(finite, array, np.asarray(np.nan, array.dtype))


def may_be_undefined(body: type[BaseModel], field: str) -> bool:
    """Whether the field is marked."""
    info = body.model_fields.get(field.partition(".")[0])
    return info is not None and any(isinstance(mark, MayBeUndefined) for mark in marks_of(info))


def marks_of(field: FieldInfo) -> Iterator[Any]:
    """What is said of a field beside its type, also of one of the types it may have."""
    yield from field.metadata
    for alternative in get_args(field.annotation):
        yield from getattr(alternative, "__metadata__", ())
