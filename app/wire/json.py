"""JSON bodies <-> tensors.

Arrays go from the text straight into a float64 buffer through a SIMD parser; no number becomes a
Python object. What that path will not take is looked at again, slowly, to say what is wrong with it
or to find that it is right after all.
"""

import json
import math
from collections.abc import Collection, Mapping
from typing import Any, Never

import numpy as np
import orjson
import simdjson
import torch
from pydantic import BaseModel
from torch import Tensor

from app.errors import NotJsonError, Refusal, RefusedBodyError
from app.wire.diagnosis import Row, kind_of, refuse_unless_rows
from app.wire.undefined import may_be_undefined
from model_store.errors import OutOfRangeError

MEDIA_TYPE = "application/json"

# What the slow parser may take in memory: beyond it a body is refused without a closer look.
_DIAGNOSIS_BYTES = 32 * 2**20

_Shape = tuple[int, ...]


def decode(
    content: bytes, rows: Mapping[str, Row], others: Collection[str] = ()
) -> dict[str, object]:
    """The fields of a JSON object: tensors (rows, *shape) in float64 and plain values.

    Args:
        content: The body.
        rows: Fields that hold tensors, and what one row of each is.
        others: Fields that hold anything else. The values of fields in neither are not read.

    Raises:
        NotJsonError: the body is not JSON.
        RefusedBodyError: it is no object, names a field twice, or a tensor is not one.
    """
    document = _parse(content)
    if not isinstance(document, simdjson.Object | dict):
        raise RefusedBodyError(
            Refusal("body", f"The body is {kind_of(document)}; needed an object.")
        )
    names = list(document)
    if len(set(names)) < len(names):
        raise RefusedBodyError(Refusal("body", "The body names a field twice; needed it once."))
    tensors = _tensors(content, {name: document[name] for name in names if name in rows}, rows)
    plain = (name for name in names if name not in tensors)
    fields = {name: _plain(document[name]) if name in others else None for name in plain}
    return {**fields, **tensors}


def encode(answer: BaseModel) -> bytes:
    """The fields, tensors as arrays of numbers, without those that were never set and are None.

    Raises:
        OutOfRangeError: a number is not finite, which JSON cannot say, in a field that is not
            marked as one where that means undefined, and null.
    """
    return orjson.dumps(_jsonable(answer, ""), option=orjson.OPT_SERIALIZE_NUMPY)


def _jsonable(value: object, name: str) -> object:
    if isinstance(value, Tensor):
        return _finite(value.numpy(force=True), name)
    if isinstance(value, BaseModel):
        # What was set to None is null; what was left at None is left out.
        known = value.model_fields_set
        fields = value.__dict__.items()
        written = {n: v for n, v in fields if v is not None or n in known}
        return {n: _field(type(value), n, v) for n, v in written.items()}
    if isinstance(value, dict):
        return {n: _jsonable(v, n) for n, v in value.items()}
    return value


def _field(body: type[BaseModel], name: str, value: object) -> object:
    if isinstance(value, Tensor) and may_be_undefined(body, name):
        # orjson writes null for what is not finite.
        return np.ascontiguousarray(value.numpy(force=True))
    return _jsonable(value, name)


def _finite(values: np.ndarray, name: str) -> np.ndarray:
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise OutOfRangeError(row=row, quantity=name)
    return np.ascontiguousarray(values)


def _tensors(
    content: bytes, values: Mapping[str, Any], rows: Mapping[str, Row]
) -> dict[str, Tensor]:
    arrays = {name: _quickly(value, rows[name].shape) for name, value in values.items()}
    found = {name: array for name, array in arrays.items() if array is not None}
    # Flattening hides arrays in the place of numbers: [[1, [2, 3], []]] passes for [[1, 2, 3]].
    # Every array opens one bracket, so no more brackets than expected means no such arrays.
    expected = sum(_brackets(array) for array in found.values())
    if len(found) < len(arrays) or content.count(b"[") != expected:
        found = {name: _slowly(name, value, rows[name]) for name, value in values.items()}
    return {name: torch.from_numpy(array) for name, array in found.items()}


def _quickly(value: object, shape: _Shape) -> np.ndarray | None:
    """The array, if nothing is wrong with it but what `_tensors` finds."""
    if not isinstance(value, simdjson.Array) or len(value) == 0 or not _fits(value, shape):
        return None
    try:
        flat = np.frombuffer(value.as_buffer(of_type="d"))
    except TypeError:  # null, a string, a boolean or an object among the numbers
        return None
    return flat.reshape(-1, *shape) if flat.size == len(value) * int(np.prod(shape)) else None


def _fits(rows: Any, shape: _Shape) -> bool:  # noqa: ANN401 - any JSON value
    """Whether each row is an array as long as it should be, down to the last axis but numbers."""
    length, inner = shape[0], shape[1:]
    for row in rows:
        if not isinstance(row, simdjson.Array) or len(row) != length:
            return False
        if inner and not _fits(row, inner):
            return False
    return True


def _slowly(name: str, value: Any, row: Row) -> np.ndarray:  # noqa: ANN401 - any JSON value
    refuse_unless_rows(name, value, row)
    if isinstance(value, simdjson.Array):
        return np.frombuffer(value.as_buffer(of_type="d")).reshape(-1, *row.shape)
    return np.array(value, dtype=np.float64)


def _brackets(array: np.ndarray) -> int:
    """How many brackets the array opens when it is written down."""
    return sum(math.prod(array.shape[:axis]) for axis in range(array.ndim))


def _plain(value: object) -> object:
    """An option; nested values become empty ones, for no option is nested.

    The parser would make lists of them, but writes beyond the end of one of 2**24 entries.
    """
    if isinstance(value, simdjson.Array):
        return []
    return {} if isinstance(value, simdjson.Object) else value


def _parse(content: bytes) -> object:
    try:
        # A new parser each time: a parser keeps the memory of the largest body it has seen.
        return simdjson.Parser().parse(content)
    except (ValueError, RuntimeError):
        return _parse_slowly(content)


def _parse_slowly(content: bytes) -> object:
    """The document, if it is JSON after all: with numbers beyond 64 bits, say."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise NotJsonError(f"Byte {error.start} of the body is not UTF-8.") from None
    containers = content.count(b"[") + content.count(b"{")
    if 64 * containers + 40 * content.count(b",") > _DIAGNOSIS_BYTES:
        raise NotJsonError("The body is not JSON, or one of its numbers has more than 64 bits.")
    try:
        return json.loads(
            text, parse_constant=_refuse_constant, parse_int=_integer, object_pairs_hook=_pairs
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise NotJsonError(f"The body is not JSON from {where} on: {error.msg}.") from None
    except RecursionError:
        raise NotJsonError("The body nests arrays or objects too deeply.") from None


def _refuse_constant(name: str) -> Never:
    raise NotJsonError(f"The body is not JSON: it holds {name}, and JSON has finite numbers only.")


def _integer(digits: str) -> int | float:
    # Python refuses to read integers of thousands of digits; as a float they are infinite.
    return int(digits) if len(digits) < 400 else float(digits)


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise RefusedBodyError(Refusal("body", "The body names a field twice; needed it once."))
    return document
