"""Parquet files, a stretch of rows at a time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from app.bulk.blocks import Block, Layout, Position, Source, rows_of_a_block, written
from app.bulk.cells import check_names, read_column
from app.bulk.errors import RefusedError, told
from app.wire.columns import Column, shown

_LINE_END = "\r\n"
_ROWS_AT_ONCE = 2**15  # unpacked together


@dataclass(frozen=True, eq=False)
class FrameBlock(Block):
    """Rows of a Parquet file.

    Args:
        frame: The rows.
    """

    frame: pl.DataFrame

    def lines(self) -> Sequence[str]:
        """The rows as CSV."""
        try:
            text = self.frame.write_csv(include_header=False, line_terminator=_LINE_END)
        except pl.exceptions.PolarsError:  # of lists and the like
            return written(self.frame.iter_rows())
        lines = text.split(_LINE_END)[:-1]
        # More of them if a cell holds the end of a line.
        return lines if len(lines) == len(self.frame) else written(self.frame.iter_rows())

    def columns(self) -> Mapping[str, Any]:
        """The columns as they are."""
        return {series.name: series for series in self.frame}


class ParquetSource(Source):
    """A table with a column for each feature, and any others.

    Args:
        path: The file.
        columns: The model's features by name.

    Raises:
        RefusedError: it is no Parquet file, or has not all features.
        UnavailableError: it cannot be read.
    """

    def __init__(self, path: Path, columns: Mapping[str, Column]) -> None:
        self._path = path
        self._columns = columns
        with told(path.name, "read"), _damage_told(path.name):
            # Neither the file's name nor its folders mean anything here but themselves.
            self._table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            types = self._table.collect_schema()
            self._rows = int(self._table.select(pl.len()).collect().item())
        self.names = tuple(types.names())
        check_names(path.name, self.names, columns)
        for column in columns.values():
            _check_type(path.name, column, types[column.name])
        self.layout = Layout(written([self.names])[0])

    def blocks(self, start: Position | None) -> Iterator[Block]:
        """The rows from there on, or from the first."""
        at = start.at if start else 0
        while at < self._rows:
            with told(self._path.name, "read"), _damage_told(self._path.name):
                stretch = self._table.slice(at, _ROWS_AT_ONCE).collect()
            for frame in stretch.iter_slices(rows_of_a_block(len(self._columns))):
                at += len(frame)
                yield self._block(frame, Position(at, at))

    def _block(self, frame: pl.DataFrame, end: Position) -> Block:
        inputs = np.empty((len(frame), len(self._columns)))
        faults: dict[int, str] = {}
        for column in self._columns.values():
            inputs[:, column.index] = _values(column, frame[column.name], faults)
        return FrameBlock(torch.from_numpy(inputs), faults, end, end.at / self._rows, frame)


@contextmanager
def _damage_told(name: str) -> Iterator[None]:
    """Turns what polars says of a file into one sentence.

    Raises:
        RefusedError: it is damaged.
    """
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        raise RefusedError(f"{name} is empty, damaged or no Parquet file; one is needed.") from None


def _check_type(source: str, column: Column, kind: pl.DataType) -> None:
    """Nothing, if such cells can be read.

    Raises:
        RefusedError: they are dates, lists or the like.
    """
    if not (kind.is_numeric() or kind in (pl.String, pl.Boolean, pl.Categorical, pl.Enum, pl.Null)):
        needed = "numbers" if column.codes is None else "names of categories"
        raise RefusedError(f"{source}: column {shown(column.name)} is {kind}; {needed} are needed.")


def _values(column: Column, cells: pl.Series, faults: dict[int, str]) -> np.ndarray:
    """Numbers or codes, NaN where there is none."""
    kind = cells.dtype
    if column.codes is None and (kind.is_numeric() or kind == pl.Boolean):
        # Nulls become NaN; any method that polars answers by a query of its own takes far longer.
        return cells.cast(pl.Float64).to_numpy()
    if kind.is_float():
        cells = cells.fill_nan(None)
    texts = cells.cast(pl.String).fill_null("").to_list()
    return read_column(column, texts, faults)
