"""CSV files row by row, gzipped or not, each row with its text and its lines.

The csv module reads them, for it knows where a row ends, also behind a quoted line break, and does
not take a row that is too short for one that ends in empty cells. Where there is no quotation mark
each line is a row, which is cut without it in a third of the time.
"""

import csv
import gzip
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, StringIO, TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple

SEPARATORS = (",", ";", "\t")

_MARK = "\ufeff".encode()
_CHARACTERS_AT_ONCE = 2**18
_LONGEST_LINE = 2**24  # characters, for a line is held whole


class CsvError(ValueError):
    """A file that is no CSV; one sentence."""


class MalformedRowError(CsvError):
    """A quotation mark that is not closed, or closed too early."""


# Its text, its cells, and how many lines it takes.
_Row = tuple[str, list[str], int]


class Record(NamedTuple):
    """A row.

    Args:
        line: The number of its first line, from 1.
        next_line: That of the line behind it.
        cells: Its cells, without the spaces before them.
        text: What it was read from, the end of its line included.
        size: How many bytes behind the row before it ends, blank lines between them included.
    """

    line: int
    next_line: int
    cells: list[str]
    text: str
    size: int


@dataclass(frozen=True, eq=False)
class CsvText:
    """What stands in a file.

    Args:
        name: The file's name.
        text: Its characters, the ends of lines as they are, without a byte order mark.
        raw: The file itself.
        mark: The bytes of the byte order mark, if there is one.
    """

    name: str
    text: TextIOWrapper
    raw: IO[bytes]
    mark: bytes

    def records(self, separator: str, *, line: int = 1) -> Iterator[Record]:
        """What is left, row by row, from a line of this number on; blank lines are no rows.

        Raises:
            CsvError: a row is not well formed, or a line has no end.
            UnicodeDecodeError: it is no text.
        """
        begin, size = line, 0
        stretches = _stretches(self.name, self.text)
        try:
            for lines in stretches:
                if _is_plain(lines):
                    rows = _split(lines, separator)
                else:
                    rows = _parsed(chain([lines], stretches), separator)
                for text, cells, count in rows:
                    size += len(text) if text.isascii() else len(text.encode())
                    if len(cells) > 1 or (cells and cells[0].strip()):
                        yield Record(begin, begin + count, cells, text, size)
                        size = 0
                    begin += count
        except csv.Error as error:
            where = f"{self.name}, line {begin}"
            raise MalformedRowError(f"{where}: {error}; a well-formed row is needed.") from None


@contextmanager
def opened(path: Path, at: int = 0) -> Iterator[CsvText]:
    """A file as text, from a byte of what it unpacks to.

    Raises:
        CsvError: it is no UTF-8 text, or no gzip file in spite of its name.
        OSError: it cannot be read.
    """
    with path.open("rb") as raw:
        try:
            content = _unpacked(path, raw)
            marked = content.peek(len(_MARK))[: len(_MARK)] == _MARK
            mark = _MARK if marked else b""
            content.seek(max(at, len(mark)))
            with TextIOWrapper(content, "utf-8", newline="") as text:
                yield CsvText(path.name, text, raw, mark)
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise CsvError(
                f"{path.name} is no text in UTF-8: byte 0x{byte:02x} came; a CSV file is needed."
            ) from None
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise CsvError(f"{path.name} is damaged or no gzip file; one is needed.") from None


def _unpacked(path: Path, raw: BufferedReader) -> BufferedReader | gzip.GzipFile:
    return gzip.GzipFile(fileobj=raw) if path.suffix.lower() == ".gz" else raw


def _is_plain(lines: list[str]) -> bool:
    """Whether each is a row, cut by its separators and nothing else."""
    longest = csv.field_size_limit()
    return not any('"' in line or len(line) > longest for line in lines)


def _split(lines: list[str], separator: str) -> Iterator[_Row]:
    """Plain lines as rows, as the csv module would cut them."""
    for text in lines:
        cells = text.rstrip("\r\n").split(separator)
        if " " in text:
            cells = [cell.lstrip(" ") for cell in cells]
        yield text, cells, 1


def _parsed(stretches: Iterator[list[str]], separator: str) -> Iterator[_Row]:
    """Lines as rows, up to where a stretch and a row end together."""
    pending: deque[str] = deque()  # lines that are on their way to the csv module
    lines = chain.from_iterable(_noted(pending, stretches))
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    before = 0
    for cells in reader:
        count = reader.line_num - before
        yield "".join([pending.popleft() for _ in range(count)]), cells, count
        if not pending:
            return
        before += count


def _noted(notes: deque[str], stretches: Iterator[list[str]]) -> Iterator[list[str]]:
    for lines in stretches:
        notes.extend(lines)
        yield lines


def _stretches(name: str, text: TextIOWrapper) -> Iterator[list[str]]:
    """Whole lines, many at a time."""
    rest = ""
    while part := text.read(_CHARACTERS_AT_ONCE):
        if part[-1] == "\r":
            part += text.read(1)  # perhaps the end of the same line end
        lines = StringIO(rest + part, newline="").readlines()
        rest = "" if lines[-1][-1] in "\r\n" else lines.pop()
        if len(rest) >= _LONGEST_LINE:
            raise CsvError(
                f"{name} has a line of more than {_LONGEST_LINE:,} characters; "
                "shorter ones are needed."
            )
        yield lines
    yield [rest] if rest else []
