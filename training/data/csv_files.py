"""CSV files as people have them: three separators, gzipped or not, every row at its line."""

import re
from array import array
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from itertools import islice
from pathlib import Path

import polars as pl

from model_store.cell_texts import is_number
from model_store.csv_records import SEPARATORS, Record, opened
from training.config import TrainingConfig
from training.data.reading import Reading, readable
from training.data.tables import kept_columns, table_reading
from training.errors import DataError

_BLOCK_ROWS = 50_000  # Python's strings are large: a block at a time becomes compact columns


def read_csv(path: Path, config: TrainingConfig) -> Reading:
    """The columns of a delimited text file whose first line names them.

    Raises:
        DataError: no such file, or a row, cell or column that cannot be learnt from.
        DataUnavailableError: the file cannot be read.
    """
    with readable(path.name), opened(path) as content:
        records = content.records(_find_separator(content.text))
        header = next(records, None)
        if header is None:
            raise DataError(f"{path.name} is empty; a line of column names and rows are needed.")
        names = _column_names(path.name, header, config)
        kept = kept_columns(path.name, names, config)
        frame, lines = _read_rows(path.name, records, names, kept)
    return table_reading(path, frame, lambda row: f"row {row + 1} (line {lines[row]})", config)


def _find_separator(stream: TextIOWrapper) -> str:
    """The one that the first line holds most of, outside quotation marks."""
    begin = stream.tell()
    first = next((text for text in iter(stream.readline, "") if text.strip()), "")
    stream.seek(begin)
    unquoted = re.sub(r'"[^"]*"', "", first)
    return max(SEPARATORS, key=unquoted.count)


def _column_names(source: str, header: Record, config: TrainingConfig) -> list[str]:
    """The names in the first line; a nameless column is called by its number until it is ignored.

    Raises:
        DataError: there are no names, or one is missing or there twice.
    """
    where = f"{source}, line {header.line}"
    names = [cell.strip() for cell in header.cells]
    if all(is_number(name) for name in names):
        raise DataError(f"{where} holds numbers only; the first line must name the columns.")
    for i, name in enumerate(names):
        if not name:
            names[i] = f"column_{i + 1}"
            if names[i] not in config.ignore:
                raise DataError(
                    f"{where}: column {i + 1} has no name; one is needed, or --ignore {names[i]}."
                )
        elif name in names[:i]:
            raise DataError(f"{where}: two columns are named {name!r}; different names are needed.")
    return names


def _read_rows(
    source: str, records: Iterator[Record], names: Sequence[str], kept: Sequence[str]
) -> tuple[pl.DataFrame, "array[int]"]:
    """The kept columns as stripped text, and the line of every row.

    Raises:
        DataError: a row with too few or too many cells.
    """
    schema = dict.fromkeys(kept, pl.String)
    frames, lines = [pl.DataFrame(schema=schema)], array("q")
    while block := list(islice(records, _BLOCK_ROWS)):
        for row, record in enumerate(block, start=len(lines) + 1):
            if len(record.cells) != len(names):
                raise DataError(
                    f"{source}, row {row} (line {record.line}) has {len(record.cells)} cells; "
                    f"{len(names)} are needed, as in the first line."
                )
        lines.extend(record.line for record in block)
        columns = dict(
            zip(names, zip(*(record.cells for record in block), strict=True), strict=True)
        )
        frames.append(pl.DataFrame({name: columns[name] for name in kept}, schema=schema))
    return pl.concat(frames).with_columns(pl.all().str.strip_chars()), lines
