"""Large JSON bodies, a piece at a time: everybody else has a turn in between.

The parser does not let go of the interpreter, and takes up to sixteen times the memory of what it
parses. So the text of a tensor is cut between rows, and each piece is parsed by itself. A cut may
turn out to be none, in a string for example: then the pieces are not rows of numbers, and the body
has to be read as a whole.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from app.errors import BodyError
from app.wire import json
from app.wire.columns import Table
from app.wire.diagnosis import Row

# About half a millisecond of parsing, in a core's own cache.
PIECE_BYTES = 2**18


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
    except BodyError:
        # Reading it as a whole says where.
        return None
    return fields


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
        BodyError: a piece is no rows of numbers.
    """
    array = np.empty((0, *row.shape))
    for piece in cut.pieces:
        body = b'{"%s":[%s]}' % (cut.name.encode(), piece)
        fields = json.decode(body, {cut.name: row})
        more = fields[cut.name]
        if len(fields) > 1 or not isinstance(more, Tensor):
            raise BodyError("A piece of the body closes the tensor.")
        known = len(array)
        # In place: two copies of a large tensor would be the most that a request holds.
        array.resize((known + len(more), *row.shape), refcheck=False)
        array[known:] = more.numpy()
        await asyncio.sleep(0)
    return torch.from_numpy(array)
