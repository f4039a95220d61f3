"""Tables as text (RFC 4180): a header of names, then a line a row; an empty cell is missing.

Cells are separated by commas; by semicolons or tabs where commas leave no feature in the header.
They are read as `vae-train` reads them: spaces around them and words such as `NA` do not count.
"""

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from math import isinf, isnan

import numpy as np
import torch
from torch import Tensor

from app.errors import MalformedBodyError, RefusedBodyError, TooManySamplesError
from app.wire.columns import Column, Table, cell_refusal, refusal, shown
from model_store.cell_texts import code_in, is_number, number_in

MEDIA_TYPE = "text/csv"

# Lines turned into numbers, or numbers into lines, at once: their texts are many times as large.
_BLOCK_ROWS = 1024
# As many as the spreadsheet programs take.
_MAX_COLUMNS = 16_384
_MAX_SHOWN_NAMES = 6
# As many as a schema may have features, and some in their names.
_MAX_COMMAS = 2**20

_SEPARATORS = ",;\t"


def decode(content: bytes, name: str, table: Table) -> Tensor:
    """The rows (rows, features) in float64: codes for categories, NaN for gaps.

    Blank lines are no rows.

    Args:
        content: The body.
        name: What the rows are called in refusals.
        table: The columns, which may stand in any order.

    Raises:
        MalformedBodyError: the body is no CSV in UTF-8.
        RefusedBodyError: its columns are not the table's, or a cell is not what its column takes.
        TooManyRowsError: more lines than the server takes.
    """
    _refuse_unless_text(content)
    lines = _lines(content, separator_of(content, table.columns))
    columns = _columns(next(lines, []), table)
    width = len(table.columns)
    rows = np.empty((0, width))
    while block := list(islice(lines, _BLOCK_ROWS)):
        start, stop = len(rows), len(rows) + len(block)
        table.admit(stop)
        # In place, for which there is no other name for the rows: they are never held twice.
        rows.resize((stop, width), refcheck=False)
        rows[start:] = np.nan
        _read_numbers(f"{name}[{{}}]", block, rows[start:], start, columns)
    if not len(rows):
        raise refusal("body", "has no rows; needed at least one below the header")
    return torch.from_numpy(rows)


class Dialect(csv.excel):
    """How lines become cells: a cell in quotation marks may have spaces before them."""

    strict = True
    skipinitialspace = True


@dataclass(frozen=True, eq=False)
class Cells:
    """One column of an answer.

    Args:
        values: A number, a flag or a code for each row; None for a column of empty cells.
        categories: The names of the codes, if they have any.
    """

    values: np.ndarray | None
    categories: Sequence[str] | None = None

    def texts(self, start: int, stop: int) -> Sequence[str]:
        """What stands in some of the rows; nothing where a number is undefined."""
        if self.values is None:
            return [""] * (stop - start)
        values = self.values[start:stop]
        if values.dtype == np.bool_:
            return ["true" if flag else "false" for flag in values.tolist()]
        if self.categories is not None:
            return ["" if isnan(code) else self.categories[int(code)] for code in values.tolist()]
        # str of numpy's own float32 is the shortest text that says it.
        return ["" if isnan(value) else str(value) for value in values]


def encode(columns: Mapping[str, Cells], rows: int) -> bytes:
    """The columns below their names."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    for start in range(0, rows, _BLOCK_ROWS):
        stop = min(start + _BLOCK_ROWS, rows)
        cells = [column.texts(start, stop) for column in columns.values()]
        writer.writerows(zip(*cells, strict=True))
    return text.getvalue().encode()


def check_width(columns: int) -> None:
    """Nothing, if a table can have so many columns.

    Raises:
        TooManySamplesError: it cannot.
    """
    if columns > _MAX_COLUMNS:
        raise TooManySamplesError(
            f"The answer has {columns:,} columns; {MEDIA_TYPE} takes {_MAX_COLUMNS:,} at most."
        )


def separator_of(content: bytes, names: Collection[str]) -> str:
    """What stands between the cells: the first separator that leaves one of the names whole."""
    for separator in _SEPARATORS:
        # What is no table with this separator may be one with another.
        with suppress(MalformedBodyError):
            if any(name.strip() in names for name in next(_lines(content, separator), [])):
                return separator
    return _SEPARATORS[0]


def text_of(content: bytes) -> io.TextIOWrapper:
    """A table's characters, line by line and with the ends of lines, without a byte order mark."""
    # A piece at a time takes a quarter of the memory.
    return io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")


def is_row(cells: Sequence[str]) -> bool:
    """Whether a line is not blank."""
    return len(cells) > 1 or (len(cells) == 1 and bool(cells[0].strip()))


def _refuse_unless_text(content: bytes) -> None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise MalformedBodyError(f"Byte {error.start} of the body is not UTF-8.") from None


def _lines(content: bytes, separator: str) -> Iterator[list[str]]:
    text: Iterable[str] = text_of(content)
    if content.count(separator.encode()) > _MAX_COMMAS:
        text = (line for line in text if _has_few_cells(line, separator))
    reader = csv.reader(text, Dialect, delimiter=separator)
    try:
        yield from filter(is_row, reader)
    except csv.Error:
        raise MalformedBodyError(f"The body is no CSV from line {reader.line_num} on.") from None


def _has_few_cells(line: str, separator: str) -> bool:
    """True: a cell takes ten times the memory of the separator before it.

    Raises:
        RefusedBodyError: a line has more of these than there can be features.
    """
    if line.count(separator) > _MAX_COMMAS:
        raise refusal("body", f"has a line of more than {_MAX_COMMAS:,} cells; needed fewer")
    return True


def _columns(header: list[str], table: Table) -> list[Column | None]:
    """The columns in the order of the header, None for those that are passed over."""
    if not header:
        raise refusal("body", "is empty; needed a header of the features' names")
    header = [name if name in table.columns else name.strip() for name in header]
    found = [name for name in header if name in table.columns]
    if not found and any(map(is_number, header)):
        needed = f"needed the names of the features in it, {table.names}"
        raise refusal("body", f"has numbers and no name of a feature in its first line; {needed}")
    if not table.passes_others and len(found) < len(header):
        raise table.unknown("body", next(name for name in header if name not in table.columns))
    if len(set(found)) < len(found):
        twice = next(name for name, count in Counter(found).items() if count > 1)
        raise refusal("body", f"names feature {shown(twice)} twice; needed it once")
    if len(found) < len(table.columns):
        raise _incomplete([name for name in table.columns if name not in set(found)])
    return [table.columns.get(name) for name in header]


def _incomplete(missing: Sequence[str]) -> RefusedBodyError:
    names = ", ".join(map(shown, missing[:_MAX_SHOWN_NAMES]))
    more = f" and {len(missing) - _MAX_SHOWN_NAMES} more" * (len(missing) > _MAX_SHOWN_NAMES)
    return refusal("body", f"has no column {names}{more}; needed every feature in the header")


def _read_numbers(
    place: str,
    block: list[list[str]],
    rows: np.ndarray,
    start: int,
    columns: Sequence[Column | None],
) -> None:
    """Fills the rows of some lines; `place` has room for a number, `start` is the first one."""
    for i, (line, row) in enumerate(zip(block, rows, strict=True)):
        if len(line) != len(columns):
            raise refusal(place.format(start + i), f"has {len(line)} cells; needed {len(columns)}")
        for column, cell in zip(columns, line, strict=True):
            if cell and column is not None:
                row[column.index] = _number(place, start + i, column, cell)


def _number(place: str, row: int, column: Column, cell: str) -> float:
    if column.codes is not None:
        code = code_in(cell, column.codes)
        if code is None:
            raise cell_refusal(place.format(row), column, shown(cell))
        return code
    number = number_in(cell)
    if number is None or isinf(number):
        raise cell_refusal(place.format(row), column, shown(cell))
    return number
