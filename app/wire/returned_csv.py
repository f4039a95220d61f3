"""A table that came, sent back with columns added: each line as it was written, then more cells."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from itertools import islice

from app.wire.csv import Cells, Dialect, is_row, separator_of, text_of

_BLOCK_ROWS = 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def encode(content: bytes, features: Collection[str], added: Mapping[str, Cells]) -> bytes:
    """The rows of a table that `app.wire.csv.decode` has taken, with columns at their ends.

    Quotes, separators, ends of lines and a byte order mark are those that came. A name that a
    column has already is given a number: `score_2`.

    Args:
        content: The table.
        features: The names of the model's features.
        added: A column for each name, of as many cells as the table has rows.
    """
    separator = separator_of(content, features)
    records = _records(content, separator)
    header, line, end = next(records)
    names = list(header)
    for name in added:
        names.append(_free(name, names))
    out = io.StringIO(newline="")
    writer = csv.writer(_Lines(out, end), delimiter=separator)
    out.write(line + separator)
    writer.writerow(names[len(header) :])
    start = 0
    while block := list(islice(records, _BLOCK_ROWS)):
        stop = start + len(block)
        cells = zip(*(column.texts(start, stop) for column in added.values()), strict=True)
        for (_, line, _), more in zip(block, cells, strict=True):
            out.write(line + separator)
            writer.writerow(more)
        start = stop
    mark = _BYTE_ORDER_MARK if content.startswith(_BYTE_ORDER_MARK) else b""
    return mark + out.getvalue().encode()


class _Lines:
    """Where a writer of lines that end in CR LF writes others.

    It would leave a line feed inside a cell without quotes if that were no part of its own ends.
    """

    def __init__(self, out: io.StringIO, end: str) -> None:
        self._out = out
        self._end = end

    def write(self, line: str) -> int:
        return self._out.write(line.removesuffix("\r\n") + self._end)


def _records(content: bytes, separator: str) -> Iterator[tuple[list[str], str, str]]:
    """The cells of each line that has some, how they were written, and the end of the line."""
    taken: list[str] = []

    def noted() -> Iterator[str]:
        for line in text_of(content):
            taken.append(line)
            yield line

    for cells in csv.reader(noted(), Dialect, delimiter=separator):
        written = "".join(taken)
        taken.clear()
        if is_row(cells):
            line = written.rstrip("\r\n")
            yield cells, line, written[len(line) :] or "\r\n"


def _free(name: str, taken: Collection[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
