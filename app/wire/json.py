"""JSON bodies <-> tensors.

Arrays go from the text straight into a float64 buffer through a SIMD parser; no number becomes a
Python object, and null is NaN where a value may be missing. What that path will not take is looked
at again, slowly, to say what is wrong with it or to find that it is right after all.
"""

import json
import math
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Never

import numpy as np
import orjson
import simdjson
import torch
from pydantic import BaseModel
from torch import Tensor

from app.errors import NotJsonError, Refusal, RefusedBodyError, TooManyBytesError
from app.wire.arrays import Arrays, Others, read_array_slowly, read_arrays, read_arrays_with_gaps
from app.wire.columns import Table
from app.wire.diagnosis import Row, kind_of
from app.wire.records import read_records
from app.wire.undefined import array_of

MEDIA_TYPE = "application/json"

Fields = dict[str, object]
"""An answer's fields as orjson takes them."""

_FEW = 8

# What the parser may take in memory, if that is more than a few times the body.
_PARSER_BYTES = 16 * 2**20
_BYTES_OF_A_VALUE = 24
_BEFORE_VALUES = (b",", b":", b"[", b"{")
# Most fields of an answer hold these.
_PLAIN = {str, int, float, bool}
_OBJECT = (simdjson.Object, dict)
_ARRAY = (simdjson.Array, list)

# What the slow parser may take in memory: beyond it a body is refused without a closer look.
_DIAGNOSIS_BYTES = 32 * 2**20


def decode(
    content: bytes,
    rows: Mapping[str, Row],
    others: Collection[str] = (),
    tables: Mapping[str, Table] | None = None,
    *,
    first_row: int = 0,
    parser: simdjson.Parser | None = None,
) -> dict[str, object]:
    """The fields of a JSON object: tensors (rows, *shape) in float64 and plain values.

    Args:
        content: The body.
        rows: Fields that hold tensors, and what one row of each is.
        others: Fields that hold anything else. The values of fields in neither are not read.
        tables: Fields that hold records, which become tensors too, and what is a record in each.
        first_row: The place of the first rows in their fields, where the body is a part of one.
        parser: One that has read the parts before; it keeps the memory that the largest took.

    Raises:
        NotJsonError: the body is not JSON.
        RefusedBodyError: it is no object, names a field twice, or a tensor is not one.
        TooManyRowsError: more rows than the server takes.
        TooManyBytesError: it would take the parser too much memory.
    """
    parser = parser or simdjson.Parser()
    found = _look(_parse(content, parser), content, rows, others, tables or {}, first_row)
    arrays = found.arrays
    if arrays is None and not found.odd:
        arrays = read_arrays_with_gaps(content, found.tensors, rows, found.others)
    if arrays is None:
        document = _parse(content, parser)
        names = found.tensors
        arrays = {
            name: read_array_slowly(name, document[name], rows[name], first=first_row)
            for name in names
        }
    for name, array in arrays.items():
        found.plain[name] = torch.from_numpy(array)
    return found.plain


def encode(fields: Fields) -> bytes:
    """An answer's fields as they go, arrays as arrays of numbers."""
    return orjson.dumps(fields, option=orjson.OPT_SERIALIZE_NUMPY)


def jsonable(body: BaseModel) -> Fields:
    """The fields as orjson takes them, without those that were never set and are None.

    Few numbers are a list, more of them an array.

    Raises:
        OutOfRangeError: a number is not finite, which JSON cannot say, in a field that is not
            marked as one where that means undefined, and null.
    """
    kind, known = type(body), body.__pydantic_fields_set__
    fields: Fields = {}
    for name, value in body.__dict__.items():
        # The first two spare most fields the way through `_field`.
        if type(value) in _PLAIN:
            fields[name] = value
        elif type(value) is Tensor:
            fields[name] = _numbers_of(kind, name, value)
        # What was set to None is null; what was left at None is left out.
        elif value is not None or name in known:
            fields[name] = _field(kind, name, value)
    return fields


def _field(body: type[BaseModel], name: str, value: object) -> object:
    if isinstance(value, Tensor):
        return _numbers_of(body, name, value)
    if isinstance(value, dict):
        return {n: _field(body, f"{name}.{n}", v) for n, v in value.items()}
    return jsonable(value) if isinstance(value, BaseModel) else value


def _numbers_of(body: type[BaseModel], name: str, values: Tensor) -> list[float] | np.ndarray:
    """The numbers themselves where they are so few that an array would take longer."""
    if values.numel() <= _FEW and values.ndim == 1 and values.dtype == torch.float64:
        numbers: list[float] = values.tolist()
        if all(map(math.isfinite, numbers)):
            return numbers
    # orjson writes null for NaN.
    return array_of(body, name, values)


# One number for each feature, of as many as a schema may have.
_LONGEST_LIST = 1_000_000


class _Look(NamedTuple):
    """What a first look at a body finds; the parsed body itself, which is large, is let go.

    Args:
        plain: The values of the other fields, records already read.
        tensors: The names of the fields of arrays.
        arrays: Their arrays, if they are right and without gaps.
        others: What the other fields hold that looks like a part of an array.
        odd: Whether only the slow parser takes the body.
    """

    plain: dict[str, Any]
    tensors: list[str]
    arrays: Arrays | None
    others: Others
    odd: bool


def _look(
    document: Any,  # noqa: ANN401 - any JSON value
    content: bytes,
    rows: Mapping[str, Row],
    others: Collection[str],
    tables: Mapping[str, Table],
    first: int,
) -> _Look:
    if not isinstance(document, _OBJECT):
        raise RefusedBodyError(
            Refusal("body", f"The body is {kind_of(document)}; needed an object.")
        )
    values: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    count = nulls = lists = 0
    for name in document:
        count += 1
        if name in rows:
            values[name] = document[name]
        elif name in tables:
            value, table = document[name], tables[name]
            records = read_records(name, value, table, body_bytes=len(content), first=first)
            plain[name] = torch.from_numpy(records)
        elif name in others:
            plain[name] = value = _plain(document[name])
            nulls += value is None
            lists += isinstance(value, list)
        else:
            plain[name] = None
    if len(plain) + len(values) < count:
        raise RefusedBodyError(Refusal("body", "The body names a field twice; needed it once."))
    beside = Others(nulls, lists)
    arrays = read_arrays(content, values, rows, beside, first=first) if values else {}
    return _Look(plain, [*values], arrays, beside, odd=isinstance(document, dict))


def _plain(value: Any) -> object:  # noqa: ANN401 - any JSON value
    """An option: one value, or a short list of numbers; what is nested otherwise becomes empty."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, _OBJECT):
        return {}
    if isinstance(value, _ARRAY):
        return _numbers(value) if len(value) <= _LONGEST_LIST else []
    return value


def _numbers(values: Any) -> list[float]:  # noqa: ANN401 - a JSON array
    """The array, if it holds numbers only."""
    plain = all(type(value) in (int, float) for value in values)
    return [float(value) for value in values] if plain else []


def is_costly(content: bytes) -> bool:
    """Whether a text takes the parser many times its own memory, and much of it."""
    most = _most_values(content)
    # There are fewer values than bytes.
    return len(content) > most and _values_in(content) > most


def refuse_costly(content: bytes) -> None:
    """Nothing, if a text can be parsed as a whole.

    Raises:
        TooManyBytesError: it would take too much memory.
    """
    if is_costly(content):
        raise TooManyBytesError(
            f"The body's rows cannot be read one by one, and {_values_in(content):,} values are "
            f"too many to be read at once; this server takes {_most_values(content):,} in so long "
            "a body."
        )


def _most_values(content: bytes) -> int:
    return max(_PARSER_BYTES, 4 * len(content)) // _BYTES_OF_A_VALUE


def _values_in(content: bytes) -> int:
    """At least as many as there are: what may stand before one is counted, in texts too."""
    return sum(map(content.count, _BEFORE_VALUES))


def _parse(content: bytes, parser: simdjson.Parser) -> Any:  # noqa: ANN401 - any JSON value
    if len(content) > _PARSER_BYTES // _BYTES_OF_A_VALUE:
        refuse_costly(content)
    try:
        return parser.parse(content)
    except (ValueError, RuntimeError):
        return _parse_slowly(content)


def _parse_slowly(content: bytes) -> Any:  # noqa: ANN401 - any JSON value
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
    # Longer ones may be beyond 64-bit floats, and Python reads none of thousands of digits.
    return int(digits) if len(digits) < 309 else float(digits)


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise RefusedBodyError(Refusal("body", "The body names a field twice; needed it once."))
    return document
