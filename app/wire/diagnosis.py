"""What is wrong with nested arrays that should be a tensor, told by place and without haste."""

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import simdjson

from app.errors import Refusal, RefusedBodyError

_ARRAYS = (list, simdjson.Array)


@dataclass(frozen=True)
class Row:
    """What one row of a tensor is.

    Args:
        shape: Its axes, at least one.
        taker: Who wants it so, as the subject of a sentence.
        may_have_gaps: Whether a value may be missing.
        admit: Raises for more rows than the server takes, before there is memory for them.
    """

    shape: tuple[int, ...]
    taker: str = "this model"
    may_have_gaps: bool = False
    admit: Callable[[int], None] = field(default=lambda _: None, compare=False)

    def __str__(self) -> str:
        count = math.prod(self.shape)
        return f"{count}" if len(self.shape) == 1 else f"{count} = {self.shape}"


def refuse_unless_rows(name: str, value: object, row: Row, *, first: int = 0) -> None:
    """Nothing, if the value is an array of such rows.

    Args:
        name: The field.
        value: Any JSON value, its arrays lists or the SIMD parser's.
        row: What each row should be.
        first: The place of the first row in the field, where the value is a part of it.

    Raises:
        RefusedBodyError: it is not, with the first place where.
        TooManyRowsError: they are more than the server takes.
    """
    if not isinstance(value, _ARRAYS):
        raise _refusal(name, f"is {kind_of(value)}; needed an array of rows")
    if len(value) == 0:
        raise _refusal(name, "has no rows; needed at least one")
    row.admit(first + len(value))
    for i, values in enumerate(value, first):
        _refuse_unless_row(f"{name}[{i}]", values, row)


def refuse_unless_shape(name: str, shape: tuple[int, ...], row: Row, *, cell: object = 0.0) -> None:
    """The same of values known to have a shape, in the words for nested arrays of that shape.

    Args:
        name: The field.
        shape: The axes that it has, that of rows included.
        row: What each row should be.
        cell: One of the values: what is said of the first one is true of all.

    Raises:
        RefusedBodyError: they are no such rows, with the first place where.
        TooManyRowsError: they are more than the server takes.
    """
    if not shape:
        raise _refusal(name, f"is {kind_of(cell)}; needed an array of rows")
    if shape[0] == 0:
        raise _refusal(name, "has no rows; needed at least one")
    row.admit(shape[0])
    place, axes = f"{name}[0]", shape[1:]
    if not axes:
        raise _refusal(place, f"is {kind_of(cell)}; {row.taker} takes rows of {row}")
    reached = axes[: len(row.shape)]
    leaf = cell if len(axes) <= len(row.shape) else []
    if 0 not in reached and not _is_number(leaf):
        raise _refusal(place + "[0]" * len(reached), _why_not_a_number(leaf))
    if axes != row.shape:
        raise _not_a_row(place, math.prod(reached), row)


def kind_of(value: object) -> str:
    """What kind of JSON value it is, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, int | float):
        return "a number"
    return "an array" if isinstance(value, _ARRAYS) else "an object"


def _refuse_unless_row(place: str, values: object, row: Row) -> None:
    if not isinstance(values, _ARRAYS):
        raise _refusal(place, f"is {kind_of(values)}; {row.taker} takes rows of {row}")
    is_cell = _is_number_or_gap if row.may_have_gaps else _is_number
    if _is_row(values, row.shape, is_cell):
        return
    count = 0
    for inner, value in _leaves(place, values, len(row.shape)):
        if not is_cell(value):
            raise _refusal(inner, _why_not_a_number(value))
        count += 1
    raise _not_a_row(place, count, row)


def _not_a_row(place: str, count: int, row: Row) -> RefusedBodyError:
    """The refusal of so many numbers that are not nested as a row is."""
    if count != math.prod(row.shape):
        return _refusal(place, f"has {count} values; {row.taker} takes {row}")
    nested = f"does not nest its {count} values as {row.shape}, which {row.taker} takes"
    return _refusal(place, nested)


def _is_row(value: object, shape: tuple[int, ...], is_cell: Callable[[object], bool]) -> bool:
    if not isinstance(value, _ARRAYS) or len(value) != shape[0]:
        return False
    if len(shape) == 1:
        return all(is_cell(inner) for inner in value)
    return all(_is_row(inner, shape[1:], is_cell) for inner in value)


def _leaves(place: str, value: object, depth: int) -> Iterator[tuple[str, object]]:
    """What is nested no deeper than a row's numbers should be, so that no body nests too deep."""
    if depth == 0 or not isinstance(value, _ARRAYS):
        yield place, value
        return
    for i, inner in enumerate(value):
        yield from _leaves(f"{place}[{i}]", inner, depth - 1)


def _is_number(value: object) -> bool:
    # Exactly these types: a boolean is an int to isinstance.
    return type(value) in (int, float) and abs(value) <= sys.float_info.max  # type: ignore[arg-type]


def _is_number_or_gap(value: object) -> bool:
    return value is None or _is_number(value)


def why_not_missing(came: str) -> str:
    """The rest of the sentence about a gap where there can be none."""
    return f"is {came}; needed a number, for no value of this field may be missing"


def _why_not_a_number(value: object) -> str:
    if value is None:
        return why_not_missing("null")
    if type(value) in (int, float):
        return "is beyond the range of 64-bit floats; needed a finite number"
    return f"is {kind_of(value)}; needed a number"


def _refusal(place: str, sentence: str) -> RefusedBodyError:
    return RefusedBodyError(Refusal(place, f"{place} {sentence}."))
