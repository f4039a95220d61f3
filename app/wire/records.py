"""Records, the rows of a table as JSON objects, to rows of numbers."""

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
import simdjson

from app.wire.columns import Column, Table, cell_refusal, refusal, shown
from app.wire.diagnosis import kind_of

_ARRAYS = (list, simdjson.Array)
_OBJECTS = (dict, simdjson.Object)

# The parser makes a list of an array in the place of a value, and writes beyond the list's end if
# the array has 2**24 entries. A body under this size has none.
_SAFE_BYTES = 2**25


def read_records(
    name: str,
    value: Any,  # noqa: ANN401 - any JSON value
    table: Table,
    *,
    body_bytes: int,
    first: int = 0,
) -> np.ndarray:
    """The rows (rows, features): codes for categories, NaN for what is null or absent.

    Args:
        name: The field.
        value: Any JSON value, its arrays and objects Python's or the SIMD parser's.
        table: The columns.
        body_bytes: The size of the body that the value is from.
        first: The place of the first record in the field, where the value is a part of it.

    Raises:
        RefusedBodyError: it is no array of such records, with the first place where.
        TooManyRowsError: more records than the server takes.
    """
    if len(table.shape) > 1:
        raise refusal(name, f"is for tables; this model takes inputs of shape {table.shape}")
    if not isinstance(value, _ARRAYS):
        raise refusal(name, f"is {kind_of(value)}; needed an array of records")
    if len(value) == 0:
        raise refusal(name, "has no rows; needed at least one")
    table.admit(first + len(value))
    pairs_of = _pairs if body_bytes < _SAFE_BYTES else _pairs_one_by_one
    rows = np.full((len(value), len(table.columns)), np.nan)
    for i, (record, row) in enumerate(zip(value, rows, strict=True)):
        place = f"{name}[{first + i}]"
        if not isinstance(record, _OBJECTS):
            raise refusal(place, f"is {kind_of(record)}; needed an object of features")
        _read_record(place, pairs_of(record), table, row)
    return rows


def _pairs(record: Any) -> Iterable[tuple[str, Any]]:  # noqa: ANN401
    pairs: Iterable[tuple[str, Any]] = record.items()
    return pairs


def _pairs_one_by_one(record: Any) -> Iterable[tuple[str, Any]]:  # noqa: ANN401
    """The same, slower: every look-up goes through the names from the first on."""
    # The parser's look-ups end at a zero byte, as no name of a feature does.
    return ((name, None if "\0" in name else record[name]) for name in record)


def _read_record(
    place: str, pairs: Iterable[tuple[str, Any]], table: Table, row: np.ndarray
) -> None:
    named = set()
    for name, value in pairs:
        column = table.columns.get(name)
        if column is None:
            raise table.unknown(place, name)
        if name in named:
            raise refusal(place, f"names feature {shown(name)} twice; needed it once")
        named.add(name)
        if value is not None:
            row[column.index] = _number(place, column, value)


def _number(place: str, column: Column, value: Any) -> float:  # noqa: ANN401 - any JSON value
    if column.codes is None:
        # Exactly these types: a boolean is an int to isinstance.
        if type(value) not in (int, float):
            raise cell_refusal(place, column, kind_of(value))
        if abs(value) > sys.float_info.max:
            raise cell_refusal(place, column, "beyond the range of 64-bit floats")
        return float(value)
    if not isinstance(value, str):
        raise cell_refusal(place, column, kind_of(value))
    code = column.codes.get(value)
    if code is None:
        raise cell_refusal(place, column, shown(value))
    return code
