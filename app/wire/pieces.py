"""Large JSON bodies and answers, a piece at a time: everybody else has a turn in between.

The parser does not let go of the interpreter, and takes up to sixteen times the memory of what it
parses. So the text of a tensor is cut between rows, and each piece is parsed by itself. A cut may
turn out to be none, in a string for example: then the pieces are not rows of numbers, and the body
has to be read as a whole.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import orjson
import torch
from pydantic import BaseModel
from torch import Tensor

from app.errors import BodyError, RefusedBodyError
from app.wire import json
from app.wire.columns import Table
from app.wire.diagnosis import Row

# About half a millisecond of parsing, in a core's own cache.
PIECE_BYTES = 2**18
# And of writing.
PIECE_NUMBERS = 2**14
# A body of this size is read again, as a whole, to say what is wrong with it: syntax before rows.
# For a larger one there is no memory, and the first bad row is told.
AFFORDABLE_BYTES = 2**23


_OPTION = orjson.OPT_SERIALIZE_NUMPY


class _Cut(NamedTuple):
    """A body taken apart.

    Args:
        name: The field that holds the tensor.
        rest: The body with an empty array in its place.
        pieces: The text of its rows.
    """

    name: str
    rest: bytes
    pieces: Iterator[bytes]


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
    """
    cut = next((found for name in rows if (found := _cut(content, name, rows[name]))), None)
    if cut is None:
        return None
    unread = {name: row for name, row in rows.items() if name != cut.name}
    try:
        fields = json.decode(cut.rest, unread, {*others, cut.name}, tables)
        if fields.get(cut.name) != []:
            return None
        fields[cut.name] = await _joined(cut, rows[cut.name])
    except RefusedBodyError:
        if len(content) > AFFORDABLE_BYTES:
            raise
        return None
    except BodyError:
        # Reading it as a whole says where.
        return None
    return fields


def is_large(answer: BaseModel) -> bool:
    """Whether an answer takes milliseconds to write."""
    values = answer.__dict__.values()
    return sum([v.numel() for v in values if isinstance(v, Tensor)]) > PIECE_NUMBERS


async def encode(answer: BaseModel) -> bytes:
    """What `json.encode` makes of an answer.

    Raises:
        OutOfRangeError: as there.
    """
    written = []
    for piece in _written(json.jsonable(answer)):
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


def _cut(content: bytes, name: str, row: Row) -> _Cut | None:
    """The body taken apart at a tensor, if most of it is what seems to be one."""
    axes = len(row.shape)
    start = content.find(b"[" * (axes + 1))
    end = content.rfind(b"]" * (axes + 1)) + axes
    if b'"%s"' % name.encode() not in content[:start]:
        return None
    rest = b"%s[]%s" % (content[:start], content[end + 1 :])
    if len(rest) > PIECE_BYTES or end <= start:
        return None
    # As programs write it, and as Python does.
    for between in (b",", b", "):
        separator = b"]" * axes + between + b"[" * axes
        if 0 <= content.find(separator, start) < end:
            return _Cut(name, rest, _pieces(content, start + 1, end, separator, axes))
    return None


def _pieces(content: bytes, start: int, end: int, separator: bytes, axes: int) -> Iterator[bytes]:
    """The text from start to end, cut in the middle of separators."""
    while end - start > PIECE_BYTES:
        place = content.find(separator, start + PIECE_BYTES, end)
        if place < 0:
            break
        yield content[start : place + axes]
        start = place + len(separator) - axes
    yield content[start:end]


async def _joined(cut: _Cut, row: Row) -> Tensor:
    """The rows of all pieces.

    Raises:
        RefusedBodyError: a row is none.
        BodyError: the body was not cut between rows.
    """
    array = np.empty((0, *row.shape))
    for piece in cut.pieces:
        if b'"' in piece:
            raise BodyError("There is more than a tensor in the text of one.")
        known = len(array)
        body = b'{"%s":[%s]}' % (cut.name.encode(), piece)
        more = json.decode(body, {cut.name: row}, first_row=known)[cut.name]
        if not isinstance(more, Tensor):
            raise BodyError("The text of a tensor is none.")
        # In place: two copies of a large tensor would be the most that a request holds.
        array.resize((known + len(more), *row.shape), refcheck=False)
        array[known:] = more.numpy()
        await asyncio.sleep(0)
    return torch.from_numpy(array)
