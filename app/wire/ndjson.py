"""Streams of rows: one JSON value a line, a record or an array."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
import orjson
import simdjson

from app.errors import BodyError, NotJsonError, TooManyBytesError
from app.wire.arrays import read_array_slowly
from app.wire.columns import Table
from app.wire.diagnosis import Row
from app.wire.json import refuse_costly
from app.wire.records import read_records
from model_store.errors import VaeError

MEDIA_TYPE = "application/x-ndjson"

Cells = list[Any]

_NUMBERS = frozenset((int, float))
_NUMBERS_AND_GAPS = _NUMBERS | {NoneType}
_LARGE = 2.0**63
# Its numbers are objects for a moment, of ten times as many bytes.
_MOST_BYTES = 2**20


class Line(NamedTuple):
    """A line that is not blank.

    Args:
        number: Its number, from 1.
        content: What stands there; None where that is too long.
    """

    number: int
    content: bytes | None


class Lines:
    """Bytes as they come, to lines.

    Args:
        longest: Most bytes of a line. What is longer is known by its number only, and not held.

    Attributes:
        waiting_bytes: Of the lines that are whole and were not taken.
    """

    def __init__(self, longest: int) -> None:
        self.waiting_bytes = 0
        self._longest = longest
        self._lines: deque[Line] = deque()
        self._rest = bytearray()
        self._ended = 0
        self._is_too_long = False

    def feed(self, content: bytes) -> None:
        """Takes more bytes."""
        first, *others = content.split(b"\n")
        self._grow(first)
        for part in others:
            self._end()
            self._grow(part)

    def finish(self) -> None:
        """Takes the last line, which needs no end."""
        self._end()

    def take(self, count: int) -> list[Line]:
        """The next lines that are whole, up to so many."""
        taken = [self._lines.popleft() for _ in range(min(count, len(self._lines)))]
        self.waiting_bytes -= sum(len(line.content or b"") for line in taken)
        return taken

    @property
    def waiting(self) -> int:
        """How many lines are whole and were not taken."""
        return len(self._lines)

    def _grow(self, part: bytes) -> None:
        if self._is_too_long:
            return
        if len(self._rest) + len(part) > self._longest:
            # Told at once, for its end may never come.
            self._lines.append(Line(self._ended + 1, None))
            self._is_too_long = True
            self._rest = bytearray()
        elif part:
            self._rest += part

    def _end(self) -> None:
        self._ended += 1
        if self._rest:
            if content := bytes(self._rest.strip()):
                self._lines.append(Line(self._ended, content))
                self.waiting_bytes += len(content)
            self._rest.clear()
        self._is_too_long = False


@dataclass(frozen=True, eq=False)
class Decoded:
    """What lines hold.

    Args:
        rows: Those of the lines that are right, in their order, (rows, *shape) and float64.
        faults: What is wrong with the others, by their places among the lines.
    """

    rows: np.ndarray
    faults: Mapping[int, VaeError]


class Decoder:
    """Lines to rows of one model.

    Args:
        row: What an array is.
        table: What a record is; None where there are none.
    """

    def __init__(self, row: Row, table: Table | None) -> None:
        self._row = row
        self._table = table
        columns = table.columns if table else {}
        self._names = columns.keys()
        self._codes = [(c.index, c.codes) for c in columns.values() if c.codes is not None]
        self._allowed = _NUMBERS_AND_GAPS if row.may_have_gaps else _NUMBERS

    def decode(self, contents: Sequence[bytes]) -> Decoded:
        """The rows of some lines, of which one may be no row and the others none the worse."""
        found = [self._quickly(content) for content in contents]
        faults: dict[int, VaeError] = {}
        for place, content in enumerate(contents):
            if found[place] is None:
                try:
                    found[place] = self._slowly(content)
                except (BodyError, TooManyBytesError) as error:
                    faults[place] = error
        good = [cells for cells in found if cells is not None]
        rows = np.array(good, dtype=np.float64).reshape(-1, *self._row.shape)
        return Decoded(rows, faults)

    def _quickly(self, content: bytes) -> Cells | None:
        """The row, if it is plainly one."""
        if len(content) > _MOST_BYTES:
            return None
        try:
            value = orjson.loads(content)
        except orjson.JSONDecodeError:
            return None
        cells = (
            _flat(value, self._row.shape) if type(value) is list else self._record(value, content)
        )
        if cells is None or not self._allowed.issuperset(map(type, cells)):
            return None
        # Of what has more than 64 bits the other parser takes some and refuses some.
        return cells if max(map(abs, filter(None, cells)), default=0) < _LARGE else None

    def _record(self, value: Any, content: bytes) -> Cells | None:  # noqa: ANN401 - any JSON value
        """The cells of a record, nothing of which is unknown."""
        if type(value) is not dict or not value.keys() <= self._names:
            return None
        # A colon a name, or a name came twice.
        if content.count(b":") != len(value):
            return None
        cells: Cells = list(map(value.get, self._names))
        for index, codes in self._codes:
            if (name := cells[index]) is not None:
                code = codes.get(name) if isinstance(name, str) else None
                if code is None:
                    return None
                cells[index] = code
        return cells

    def _slowly(self, content: bytes) -> Cells:
        """The row, cell by cell.

        Raises:
            NotJsonError: it is not JSON.
            RefusedBodyError: it is no such row; of `records[0]` or `inputs[0]`.
            TooManyBytesError: it would take the parser too much memory.
        """
        refuse_costly(content)
        try:
            value = simdjson.Parser().parse(content)
        except (ValueError, RuntimeError):
            message = "It is not JSON, or one of its numbers has more than 64 bits."
            raise NotJsonError(message) from None
        if self._table is not None and not isinstance(value, simdjson.Array):
            rows = read_records("records", [value], self._table, body_bytes=len(content))
        else:
            rows = read_array_slowly("inputs", [value], self._row)
        cells: Cells = rows.ravel().tolist()
        return cells


def _flat(value: object, shape: tuple[int, ...]) -> Cells | None:
    """The innermost cells of nested lists of these lengths."""
    cells: list[Any] = [value]
    for length in shape:
        if not all(type(each) is list and len(each) == length for each in cells):
            return None
        cells = list(chain.from_iterable(cells))
    return cells
