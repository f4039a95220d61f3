"""The rows of a CSV file one by one, each with its text and its place in the file.

The csv module reads them, for it knows where a row ends, also behind a quoted line break.
"""

import csv
import gzip
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, NamedTuple

from app.bulk.blocks import Layout, Position
from app.bulk.errors import RefusedError, told

_MARK = "\ufeff"
_SEPARATORS = (",", ";", "\t")
_LONGEST_LINE = 2**24  # characters, for a line is held whole


class Record(NamedTuple):
    """A row.

    Args:
        line: The number of the line that it begins in, from 1.
        cells: Its cells.
        text: What it was read from, the end of its line included.
        end: Where the next one begins.
    """

    line: int
    cells: list[str]
    text: str
    end: Position


class _NoCsvError(RefusedError):
    """A quotation mark that is not closed, or closed too early."""


@contextmanager
def opened(path: Path, at: int = 0) -> Iterator[tuple[TextIOWrapper, IO[bytes]]]:
    """The file as text from a byte of what it unpacks to, and the file itself.

    Raises:
        RefusedError: it is no UTF-8 text, or no gzip file in spite of its name.
        UnavailableError: it cannot be read.
    """
    with told(path.name, "read"), path.open("rb") as raw:
        try:
            content = gzip.GzipFile(fileobj=raw) if path.suffix.lower() == ".gz" else raw
            content.seek(at)
            with TextIOWrapper(content, "utf-8" if at else "utf-8-sig", newline="") as text:
                yield text, raw
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise RefusedError(
                f"{path.name} is no text in UTF-8: byte 0x{byte:02x} came; a CSV file is needed."
            ) from None
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise RefusedError(f"{path.name} is damaged or no gzip file; one is needed.") from None


def records(name: str, text: TextIOWrapper, separator: str, start: Position) -> Iterator[Record]:
    """The rows that are not blank.

    Args:
        name: The file's name.
        text: What is left of it.
        separator: What stands between cells.
        start: Where that begins.

    Raises:
        RefusedError: what comes is no CSV, or a line has no end.
    """
    lines = _Lines(name, text, start.at)
    # Spaces behind a separator are no part of a cell, as in training.
    reader = csv.reader(iter(lines), delimiter=separator, strict=True, skipinitialspace=True)
    line = start.line
    try:
        for cells in reader:
            content = "".join(lines.pending)
            lines.pending.clear()
            end = Position(lines.read, start.line + reader.line_num)
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield Record(line + 1, cells, content, end)
            line = end.line
    except csv.Error as error:
        message = f"{name}, line {line + 1}: {error}; a well-formed row is needed."
        raise _NoCsvError(message) from None


def header_of(path: Path, names: Collection[str]) -> tuple[Record, Layout]:
    """The first row, cut by the first separator that leaves one of the names whole.

    Raises:
        RefusedError: there is none.
        UnavailableError: the file cannot be read.
    """
    first: tuple[Record, str] | None = None
    for separator in _SEPARATORS:
        # What is no table with this separator may be one with another.
        with opened(path) as (text, _), suppress(_NoCsvError):
            header = next(records(path.name, text, separator, Position(0, 0)), None)
            if header is None:
                continue
            first = first or (header, separator)
            if any(cell.strip() in names for cell in header.cells):
                return header, _layout(path, header, separator)
    if first is None:
        raise RefusedError(f"{path.name} is empty; a line of column names and rows are needed.")
    return first[0], _layout(path, *first)


def _layout(path: Path, header: Record, separator: str) -> Layout:
    with opened(path) as (text, _):
        mark = _MARK if _is_marked(text) else ""
    end = "\r\n" if header.text.endswith("\r\n") else "\n"
    return Layout(header.text.rstrip("\r\n"), separator, end, mark)


def _is_marked(text: TextIOWrapper) -> bool:
    """Whether a text that nothing was read of begins with a byte order mark."""
    with_peek: Any = text.buffer
    return bytes(with_peek.peek(3)).startswith(_MARK.encode())


class _Lines:
    """The lines of a text as they are asked for.

    Attributes:
        pending: Those that the caller has not taken away.
        read: Bytes up to the last of them.
    """

    def __init__(self, name: str, text: TextIOWrapper, at: int) -> None:
        self.pending: list[str] = []
        self.read = at
        self._name = name
        self._text = text

    def __iter__(self) -> Iterator[str]:
        if self.read == 0 and _is_marked(self._text):
            # The codec takes it for itself.
            self.read = len(_MARK.encode())
        while line := self._text.readline(_LONGEST_LINE):
            if len(line) == _LONGEST_LINE and line[-1] not in "\r\n":
                raise RefusedError(
                    f"{self._name} has a line of more than {_LONGEST_LINE:,} characters; "
                    "shorter ones are needed."
                )
            self.read += len(line) if line.isascii() else len(line.encode())
            self.pending.append(line)
            yield line
