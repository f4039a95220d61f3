"""CSV files, gzipped or not, a block of rows at a time."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.bulk.blocks import Block, Position, Source, rows_of_a_block
from app.bulk.cells import check_names, read_column
from app.bulk.csv_header import header_of
from app.bulk.errors import RefusedError, told
from app.wire.columns import Column, shown
from model_store.cell_texts import DECIMAL_COMMA, is_number
from model_store.csv_records import Record, opened


@dataclass(frozen=True, eq=False)
class CsvBlock(Block):
    """Rows of a CSV file.

    Args:
        records: The rows as they stand there.
        numbers: Those of the features that are no categories, by name.
        names: Of all columns.
    """

    records: Sequence[Record]
    numbers: Mapping[str, np.ndarray]
    names: tuple[str, ...]

    def lines(self) -> Sequence[str]:
        """The rows exactly as they came."""
        return [record.text.rstrip("\r\n") for record in self.records]

    def columns(self) -> Mapping[str, Any]:
        """Numbers of features that have numbers, texts of all others."""
        cells = zip(*[record.cells for record in self.records], strict=True)
        return {**dict(zip(self.names, cells, strict=True)), **self.numbers}


class CsvSource(Source):
    """A delimited text file whose first line names the columns, in any order.

    Args:
        path: The file.
        columns: The model's features by name.

    Raises:
        RefusedError: it is no such file, or a feature has no column.
        UnavailableError: it cannot be read.
    """

    def __init__(self, path: Path, columns: Mapping[str, Column]) -> None:
        with told(path.name, "read"):
            self.names, self.layout, self._first = header_of(path, columns)
        if all(map(is_number, self.names)):
            raise RefusedError(
                f"{path.name}: the first line holds numbers only; it must name the columns."
            )
        check_names(path.name, self.names, columns)
        self._path = path
        self._columns = [columns.get(name) for name in self.names]
        self._features = len(columns)

    def blocks(self, start: Position | None) -> Iterator[Block]:
        """The rows below the header, or from there on."""
        end = start or self._first
        size = self._path.stat().st_size
        with told(self._path.name, "read"), opened(self._path, end.at) as text:
            rows = text.records(self.layout.separator, line=end.line + 1)
            while block := list(islice(rows, rows_of_a_block(self._features))):
                end = Position(end.at + sum(row.size for row in block), block[-1].next_line - 1)
                yield self._block(block, end, text.raw.tell() / size)

    def _block(self, rows: Sequence[Record], end: Position, share: float) -> Block:
        """The rows as numbers.

        Raises:
            RefusedError: a row has too few or too many cells, or numbers with decimal commas.
        """
        width = len(self.names)
        for row in rows:
            if len(row.cells) != width:
                came, needed = (
                    f"{len(row.cells)} cells",
                    f"{width} are needed, as in the first line",
                )
                raise RefusedError(f"{self._path.name}, line {row.line} has {came}; {needed}.")
        inputs = np.empty((len(rows), self._features))
        numbers: dict[str, np.ndarray] = {}
        faults: dict[int, str] = {}
        every = zip(*[row.cells for row in rows], strict=True)
        for column, cells in zip(self._columns, every, strict=True):
            if column is not None:
                inputs[:, column.index] = values = read_column(column, cells, faults)
                if column.codes is None:
                    numbers[column.name] = values
        self._refuse_decimal_commas([rows[place] for place in sorted(faults)])
        return CsvBlock(torch.from_numpy(inputs), faults, end, share, rows, numbers, self.names)

    def _refuse_decimal_commas(self, faulty: Iterable[Record]) -> None:
        # Not one row of such a file would be right; each would be flagged.
        for row in faulty:
            for column, cell in zip(self._columns, row.cells, strict=True):
                holds_numbers = column is not None and column.codes is None
                if holds_numbers and re.match(DECIMAL_COMMA, cell.strip()):
                    raise RefusedError(
                        f"{self._path.name}, line {row.line}: {shown(cell)} came; a number with a "
                        "decimal point is needed."
                    )
