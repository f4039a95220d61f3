"""Streams of rows: one JSON value a line, a record or an array."""

from collections import deque
from typing import NamedTuple

import numpy as np
import simdjson

from app.errors import NotJsonError
from app.wire.arrays import read_array_slowly
from app.wire.columns import Table
from app.wire.diagnosis import Row
from app.wire.json import refuse_costly
from app.wire.records import read_records

MEDIA_TYPE = "application/x-ndjson"


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
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._lines: deque[Line] = deque()
        self._rest = bytearray()
        self._ended = 0
        self._is_too_long = False

    def feed(self, content: bytes) -> None:
        """Takes more bytes."""
        *ends, rest = content.split(b"\n")
        for end in ends:
            self._grow(end)
            self._end()
        self._grow(rest)

    def finish(self) -> None:
        """Takes the last line, which needs no end."""
        self._end()

    def take(self, count: int) -> list[Line]:
        """The next lines that are whole, up to so many."""
        return [self._lines.popleft() for _ in range(min(count, len(self._lines)))]

    def _grow(self, part: bytes) -> None:
        if self._is_too_long:
            return
        if len(self._rest) + len(part) > self._longest:
            # Told at once, for its end may never come.
            self._lines.append(Line(self._ended + 1, None))
            self._is_too_long = True
            self._rest = bytearray()
        else:
            self._rest += part

    def _end(self) -> None:
        self._ended += 1
        if content := bytes(self._rest.strip()):
            self._lines.append(Line(self._ended, content))
        self._rest.clear()
        self._is_too_long = False


def decode(content: bytes, row: Row, table: Table | None) -> np.ndarray:
    """The row of a line, (1, *shape) and float64.

    Args:
        content: The line.
        row: What an array is.
        table: What a record is; None where there are none.

    Raises:
        NotJsonError: it is not JSON.
        RefusedBodyError: it is no such row; of `records[0]` or `inputs[0]`.
        TooManyBytesError: it would take the parser too much memory.
    """
    refuse_costly(content)
    try:
        value = simdjson.Parser().parse(content)
    except (ValueError, RuntimeError):
        raise NotJsonError("It is not JSON, or one of its numbers has more than 64 bits.") from None
    if table is not None and not isinstance(value, simdjson.Array):
        return read_records("records", [value], table, body_bytes=len(content))
    return read_array_slowly("inputs", [value], row)
