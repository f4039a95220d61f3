"""What a question is written as: arrays, records and options to JSON."""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TypeAlias

import numpy as np
import orjson
from numpy.typing import ArrayLike

Records: TypeAlias = Sequence[Mapping[str, object]]
"""Rows of a table: values by the features' names; what is None, NaN or absent is missing."""

_OPTIONS = (bool, int, float)
_TEXTS = ("score",)
# Nothing of these may be missing.
_COMPLETE = ("latents",)


def written(body: Mapping[str, "ArrayLike | Records | None"]) -> bytes:
    """The body as JSON; what is None is left out.

    Raises:
        ValueError: an array has no numbers, or infinite ones, or missing ones that are needed.
    """
    values = {name: _field(name, value) for name, value in body.items() if value is not None}
    return orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)


def _field(name: str, value: "ArrayLike | Records") -> object:
    if isinstance(value, np.generic):
        # A number of numpy's own, as loops over an array give them.
        return value.item()
    if isinstance(value, _OPTIONS) or name in _TEXTS:
        return value
    return _records(value) if name == "records" else _array(name, value)  # type: ignore[arg-type]


def _records(records: Records) -> list[dict[str, object]]:
    """The records, NaN left to be written as null.

    Raises:
        ValueError: a value is infinite; orjson would write null without a word.
    """
    for i, record in enumerate(records):
        for name, value in record.items():
            if isinstance(value, Real) and math.isinf(value):
                raise ValueError(f"records[{i}] has {name!r} {value}; needed a finite number.")
    return [dict(record) for record in records]


def _array(name: str, values: ArrayLike) -> np.ndarray:
    """The values as orjson writes them: float32 as it is, every other number as float64.

    NaN is null: a missing value. So is None among numbers.

    Raises:
        ValueError: a value is no number, or not finite where it must be.
    """
    array = np.asarray(values)
    if array.dtype == object and all(v is None or isinstance(v, Real) for v in array.flat):
        array = array.astype(np.float64)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has type {array.dtype}; needed numbers.")
    array = np.ascontiguousarray(array, None if array.dtype == np.float32 else np.float64)
    wrong = ~np.isfinite(array) if name in _COMPLETE else np.isinf(array)
    if wrong.any():
        place = np.argwhere(wrong)[0].tolist()
        raise ValueError(f"{name}{place} is {array[tuple(place)]}; needed a finite number.")
    return array
