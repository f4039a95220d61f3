"""Nested JSON arrays -> float64 arrays, with no Python object for any number.

Two ways, quick and quick with gaps, and a third for what neither takes. The first two give None in
the place of an answer they are not sure of; only the third says what is wrong.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import simdjson

from app.wire.diagnosis import Row, refuse_unless_rows

Arrays = dict[str, np.ndarray]

_Shape = tuple[int, ...]

_ARRAY = simdjson.Array

# Here numpy's way of counting pays for its calls.
_LARGE_BYTES = 2**14

# What `null` becomes where a number is needed: as long, and nobody's measurement.
_STAND_INS = tuple(b"%de99" % digit for digit in range(1, 10))


class Others(NamedTuple):
    """What the other fields of a body hold that looks like a part of a tensor.

    Args:
        nulls: How many of them are null.
        lists: How many are arrays.
    """

    nulls: int = 0
    lists: int = 0


def read_arrays(
    content: bytes,
    values: Mapping[str, object],
    rows: Mapping[str, Row],
    others: Others,
    *,
    first: int = 0,
) -> Arrays | None:
    """The arrays, if all of them are numbers in the right shape.

    Args:
        content: The body that holds them.
        values: What it has for each of its tensors.
        rows: What one row of each should be.
        others: What its other fields hold.
        first: The place of the first rows in their fields.

    Raises:
        TooManyRowsError: there are more than the server takes.
    """
    arrays: Arrays = {}
    brackets = others.lists
    for name, value in values.items():
        array = _quickly(value, rows[name], first)
        if array is None:
            return None
        arrays[name] = array
        brackets += _brackets(array)
    # Flattening hides arrays in the place of numbers: [[1, [2, 3], []]] passes for [[1, 2, 3]].
    # Every array opens one bracket, so no more brackets than expected means no such arrays.
    return arrays if _count_brackets(content) == brackets else None


def read_arrays_with_gaps(
    content: bytes, names: list[str], rows: Mapping[str, Row], others: Others
) -> Arrays | None:
    """The same for a body with null in the place of some numbers, which become NaN.

    The parser hands out buffers of numbers only. So it reads the body once more with a number in
    the place of every null: one that the body does not hold, or holds no more often than null.

    Args:
        content: The body, a JSON object.
        names: Its fields that hold tensors.
        rows: What one row of each should be.
        others: What its other fields hold.
    """
    nulls = content.count(b"null") - others.nulls
    stand_in = next((text for text in _STAND_INS if text not in content), None)
    if nulls <= 0 or stand_in is None:
        return None
    filled = content.replace(b"null", stand_in)
    document: Any = simdjson.Parser().parse(filled)
    values = {name: document[name] for name in names}
    arrays = read_arrays(filled, values, rows, others)
    if arrays is None:
        return None
    gaps = {name: array == float(stand_in) for name, array in arrays.items()}
    # Null inside a text, or the stand-in written another way: a closer look is needed.
    if sum(map(np.count_nonzero, gaps.values())) != nulls:
        return None
    if any(gap.any() for name, gap in gaps.items() if not rows[name].may_have_gaps):
        return None
    for name, gap in gaps.items():
        arrays[name][gap] = np.nan
    return arrays


def read_array_slowly(
    name: str,
    value: Any,  # noqa: ANN401 - any JSON value
    row: Row,
    *,
    first: int = 0,
) -> np.ndarray:
    """The array, cell by cell.

    Args:
        name: The field.
        value: What it holds.
        row: What each row should be.
        first: The place of the first row in the field.

    Raises:
        RefusedBodyError: it is none of such rows, with the first place where.
    """
    refuse_unless_rows(name, value, row, first=first)
    cells = (math.nan if cell is None else float(cell) for cell in _cells(value, len(row.shape)))
    count = len(value) * math.prod(row.shape)
    return np.fromiter(cells, np.float64, count).reshape(-1, *row.shape)


def _quickly(
    value: Any,  # noqa: ANN401 - any JSON value
    row: Row,
    first: int,
) -> np.ndarray | None:
    """The array, if nothing is wrong with it but what `read_arrays` finds."""
    shape = row.shape
    if type(value) is not _ARRAY or (length := len(value)) == 0:
        return None
    row.admit(first + length)
    if not _fits(value, shape):
        return None
    try:
        flat = np.frombuffer(value.as_buffer(of_type="d"))
        # Fails where arrays stand in the place of numbers, unless they are as many.
        return flat.reshape(length, *shape)
    except (TypeError, ValueError):  # null, a string, a boolean or an object among the numbers
        return None


def _fits(rows: Any, shape: _Shape) -> bool:  # noqa: ANN401 - any JSON value
    """Whether each row is an array as long as it should be, down to the last axis but numbers."""
    length, inner = shape[0], shape[1:]
    for row in rows:
        if type(row) is not _ARRAY or len(row) != length:
            return False
        if inner and not _fits(row, inner):
            return False
    return True


def _count_brackets(content: bytes) -> int:
    """How often an array opens in the body, in its texts too."""
    if len(content) < _LARGE_BYTES:
        return content.count(b"[")
    # Five times as fast.
    return int(np.count_nonzero(np.frombuffer(content, np.uint8) == ord("[")))


def _brackets(array: np.ndarray) -> int:
    """How many brackets the array opens when it is written down."""
    brackets, arrays = 0, 1
    for length in array.shape:
        brackets += arrays
        arrays *= length
    return brackets


def _cells(value: Any, depth: int) -> Iterator[Any]:  # noqa: ANN401 - any JSON value
    for inner in value:
        if depth:
            yield from _cells(inner, depth - 1)
        else:
            yield inner
