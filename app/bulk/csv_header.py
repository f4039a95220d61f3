"""The first row of a CSV file, which tells how the others are written."""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from app.bulk.blocks import Layout, Position
from app.bulk.errors import RefusedError
from model_store.csv_records import SEPARATORS, MalformedRowError, Record, opened


class Header(NamedTuple):
    """The first row.

    Args:
        cells: Its cells, without blanks around them.
        layout: How it is written.
        end: Where the next row begins.
    """

    cells: tuple[str, ...]
    layout: Layout
    end: Position


def header_of(path: Path, names: Collection[str]) -> Header:
    """The first row, cut by the first separator that leaves one of the names whole.

    Raises:
        CsvError, RefusedError: there is none.
        OSError: the file cannot be read.
    """
    found: list[Header] = []
    faults: list[MalformedRowError] = []
    for separator in SEPARATORS:
        # What is no table with this separator may be one with another.
        try:
            header = _first_row(path, separator)
        except MalformedRowError as error:
            faults.append(error)
            continue
        if any(cell in names for cell in header.cells):
            return header
        found.append(header)
    if not found:
        raise faults[0]
    return found[0]


def _first_row(path: Path, separator: str) -> Header:
    with opened(path) as text:
        record = next(text.records(separator), None)
    if record is None:
        raise RefusedError(f"{path.name} is empty; a line of column names and rows are needed.")
    cells = tuple(cell.strip() for cell in record.cells)
    end = Position(len(text.mark) + record.size, record.next_line - 1)
    return Header(cells, _layout(record, separator, text.mark.decode()), end)


def _layout(record: Record, separator: str, mark: str) -> Layout:
    end = "\r\n" if record.text.endswith("\r\n") else "\n"
    return Layout(record.text.rstrip("\r\n"), separator, end, mark)
