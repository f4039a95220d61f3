"""Large JSON bodies and answers, a piece at a time: everybody else has a turn in between.

The parser does not let go of the interpreter, and takes up to sixteen times the memory of what it
parses. So the text of a tensor is cut between rows, and each piece is parsed by itself. A cut may
turn out to be none, in a string for example: then the pieces are not rows of numbers, and the body
has to be read as a whole.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import orjson
import simdjson
import torch
from torch import Tensor

from app.errors import BodyError, RefusedBodyError, TooManyRowsError
from app.wire import json
from app.wire.columns import Table
from app.wire.diagnosis import Row
from app.wire.digits import read_digits

# About half a millisecond of parsing, in a core's own cache.
PIECE_BYTES = 2**18
# And of writing.
PIECE_NUMBERS = 2**14

_OPTION = orjson.OPT_SERIALIZE_NUMPY
# What begins behind a name, and what stands between two rows.
_ARRAY = re.compile(rb"\s*:\s*\[\s*")
_COMMA = re.compile(rb"\s*,\s*")


class _Kind(NamedTuple):
    """How the rows of a field are written, and what becomes of them.

    Args:
        opening: How a row begins.
        closing: How it ends.
        shape: The axes of a row.
        row: What it is; None for a record.
        table: What a record is; None for an array.
    """

    opening: bytes
    closing: bytes
    shape: tuple[int, ...]
    row: Row | None = None
    table: Table | None = None

    def admit(self, rows: int) -> None:
        """Nothing, if there may be so many."""
        for taker in (self.row, self.table):
            if taker is not None:
                taker.admit(rows)


class _Cut(NamedTuple):
    """A body taken apart.

    Args:
        name: The field that holds the rows.
        kind: What they are.
        count_rows: How many there are, which takes a while.
        rest: The body with an empty array in their place.
        pieces: Their text.
        text_bytes: The length of it.
    """

    name: str
    kind: _Kind
    count_rows: Callable[[], int]
    rest: bytes
    pieces: Iterator[bytes]
    text_bytes: int


async def decode(
    content: bytes,
    rows: Mapping[str, Row],
    others: Collection[str],
    tables: Mapping[str, Table],
) -> dict[str, object] | None:
    """What `json.decode` makes of a body, if it can be read in pieces; else None.

    Args:
        content: The body.
        rows: Fields that hold tensors, and what one row of each is.
        others: Fields that hold anything else.
        tables: Fields that hold records.

    Raises:
        RefusedBodyError: a row is none, with its place.
        TooManyRowsError: more rows than the server takes.
    """
    cuts, rest = _cuts(content, _kinds(rows, tables))
    if not cuts or len(rest) > PIECE_BYTES:
        return None
    left_rows = {name: row for name, row in rows.items() if name not in cuts}
    left_tables = {name: table for name, table in tables.items() if name not in cuts}
    try:
        fields = json.decode(rest, left_rows, {*others, *cuts}, left_tables)
        if any(fields.get(name) != [] for name in cuts):
            return None
        for name, cut in cuts.items():
            fields[name] = await _joined(cut)
    except RefusedBodyError:
        # Reading it as a whole, if there is memory for that, says what is wrong first.
        if json.is_costly(content):
            raise
        return None
    except BodyError:
        return None
    return fields


def are_large(fields: json.Fields) -> bool:
    """Whether an answer takes milliseconds to write."""
    numbers = 0
    for value in fields.values():
        # Quicker than isinstance.
        if type(value) is np.ndarray:
            numbers += value.size
    return numbers > PIECE_NUMBERS


async def encode(fields: json.Fields) -> bytes:
    """What `json.encode` makes of an answer's fields."""
    written = []
    for piece in _written(fields):
        written.append(piece)
        if len(piece) > PIECE_NUMBERS:
            await asyncio.sleep(0)
    return b"".join(written)


def _written(value: object) -> Iterator[bytes]:
    """A value as text, large arrays some rows at a time."""
    if isinstance(value, dict):
        for place, (name, inner) in enumerate(value.items()):
            yield b"%s%s:" % (b"," if place else b"{", orjson.dumps(name))
            yield from _written(inner)
        yield b"}" if value else b"{}"
    elif isinstance(value, np.ndarray) and value.size > PIECE_NUMBERS:
        at_once = max(1, PIECE_NUMBERS * len(value) // value.size)
        for start in range(0, len(value), at_once):
            rows = orjson.dumps(value[start : start + at_once], option=_OPTION)
            yield b"%s%s" % (b"," if start else b"[", rows[1:-1])
        yield b"]"
    else:
        yield orjson.dumps(value, option=_OPTION)


def _kinds(rows: Mapping[str, Row], tables: Mapping[str, Table]) -> dict[str, _Kind]:
    """How each field's rows are written."""
    kinds = {}
    for name, row in rows.items():
        axes = len(row.shape)
        kinds[name] = _Kind(b"[" * axes, b"]" * axes, row.shape, row=row)
    for name, table in tables.items():
        kinds[name] = _Kind(b"{", b"}", (len(table.columns),), table=table)
    return kinds


def _cuts(content: bytes, kinds: Mapping[str, _Kind]) -> tuple[dict[str, _Cut], bytes]:
    """The fields that can be taken out of a body, and what is left of it."""
    cuts, rest = {}, content
    for name, kind in kinds.items():
        if len(rest) > PIECE_BYTES and (cut := _cut(rest, name, kind)):
            cuts[name], rest = cut, cut.rest
    return cuts, rest


def _cut(content: bytes, name: str, kind: _Kind) -> _Cut | None:
    """The body taken apart at what seem to be a field's rows, if they are several."""
    quoted = b'"%s"' % name.encode()
    named = content.find(quoted)
    begins = _ARRAY.match(content, named + len(quoted)) if named >= 0 else None
    if begins is None or not content.startswith(kind.opening, begins.end()):
        return None
    start = begins.end()
    first = content.find(kind.closing, start) + len(kind.closing)
    between = _COMMA.match(content, first)
    end = _end(content, start, kind)
    if between is None or not content.startswith(kind.opening, between.end()) or end is None:
        return None
    # As it is between the first two, so it is between all that one program writes.
    separator = kind.closing + between.group() + kind.opening
    rest = content[:start] + content[end:]
    pieces = _pieces(content, start, end, separator, len(kind.closing))
    return _Cut(
        name, kind, lambda: content.count(separator, start, end) + 1, rest, pieces, end - start
    )


def _end(content: bytes, start: int, kind: _Kind) -> int | None:
    """Where the rows end that begin at the start."""
    outer = content.rfind(b"]", start)
    end = content.rfind(kind.closing, start, outer) + len(kind.closing)
    # Behind them may be other arrays, and a name before these.
    is_last = not content[end:outer].strip() and (
        kind.row is None or content.find(b'"', start, end) < 0
    )
    if is_last:
        return end
    found = re.compile(re.escape(kind.closing) + rb"(?=\s*\])").search(content, start)
    return found and found.end()


def _pieces(content: bytes, start: int, end: int, separator: bytes, kept: int) -> Iterator[bytes]:
    """The text from start to end, cut in separators behind as many bytes of them as are kept."""
    while end - start > PIECE_BYTES:
        place = content.find(separator, start + PIECE_BYTES, end)
        if place < 0:
            break
        yield content[start : place + kept]
        start = place + len(separator) - kept
    yield content[start:end]


async def _joined(cut: _Cut) -> Tensor:
    """The rows of all pieces: float32 where that holds all their values, or float64.

    Raises:
        RefusedBodyError: a row is none.
        BodyError: the body was not cut between rows.
        TooManyRowsError: more rows than the server takes.
    """
    array, parser = np.empty((0, *cut.kind.shape), np.float32), simdjson.Parser()
    known = read = 0
    for piece in cut.pieces:
        try:
            more = _rows_of(cut, piece, known, parser)
        except TooManyRowsError:
            # Whoever sent them is told of all.
            cut.kind.admit(cut.count_rows())
            raise
        read += len(piece)
        if more.dtype == np.float64 and array.dtype == np.float32:
            # Digits are what they are in either; whatever else there is needs this one.
            array = array.astype(np.float64)
        if known + len(more) > len(array):
            # As many as there are if the rest of the text is like this.
            array = _grown(array, known, (known + len(more)) * cut.text_bytes // read + 1)
        array[known : known + len(more)] = more
        known += len(more)
        await asyncio.sleep(0)
    return torch.from_numpy(array[:known])


def _rows_of(cut: _Cut, piece: bytes, first: int, parser: simdjson.Parser) -> np.ndarray:
    """The rows of a piece, which are the field's from `first` on."""
    name, kind = cut.name, cut.kind
    digits = read_digits(piece, kind.shape) if kind.row else None
    if digits is not None:
        kind.admit(first + len(digits))
        return digits
    if kind.row and b'"' in piece:
        raise BodyError("There is more than a tensor in the text of one.")
    rows = {name: kind.row} if kind.row else {}
    tables = {name: kind.table} if kind.table else {}
    body = b'{"%s":[%s]}' % (name.encode(), piece)
    found = json.decode(body, rows, (), tables, first_row=first, parser=parser)[name]
    if not isinstance(found, Tensor):
        raise BodyError("The text of a tensor is none.")
    return found.numpy()


def _grown(array: np.ndarray, known: int, length: int) -> np.ndarray:
    """An array with more room, and what is known in it."""
    shape = (length, *array.shape[1:])
    if known == 0:
        return np.empty(shape, array.dtype)
    # In place: two copies of a large tensor would be the most that a request holds.
    array.resize(shape, refcheck=False)
    return array
