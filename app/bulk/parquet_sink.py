"""Parquet out: parts in a folder, joined at the end, for a Parquet file cannot be gone on with."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import polars as pl

from app.bulk.added import Added
from app.bulk.blocks import Block
from app.bulk.scoring import Verdicts
from app.bulk.sinks import Sink, lock
from model_store.durable import sync_folder

_KINDS = {float: pl.Float64, bool: pl.Boolean, str: pl.String}


class ParquetSink(Sink):
    """The columns as they came, with others behind them.

    Args:
        out: The file.
        taken: The names of the columns that come.
        added: The others.
    """

    def __init__(self, out: Path, taken: Sequence[str], added: Added) -> None:
        super().__init__(out)
        self._taken = taken
        self._added = added
        self._kinds = {name: _KINDS[kind] for name, kind in added.kinds.items()}
        self._frames: list[pl.DataFrame] = []
        self._parts = 0
        self._lock: IO[bytes]

    def has(self, mark: int) -> bool:
        """Whether there are as many parts."""
        return all(self._path(number).is_file() for number in range(mark))

    def open(self, mark: int) -> None:
        """Removes the parts behind the mark, or all."""
        self.part.mkdir(exist_ok=True)
        self._lock = (self.part / "lock").open("ab")
        lock(self._lock, self.out.name)
        self._parts = mark
        kept = {self._path(number) for number in range(self._parts)}
        for path in self.part.glob("*.parquet"):
            if path not in kept:
                path.unlink()

    def write(self, block: Block, verdicts: Verdicts) -> None:
        """Adds rows to the next part."""
        columns = dict(block.columns())
        for (name, kind), cells in zip(
            self._kinds.items(), self._added.cells(verdicts), strict=True
        ):
            columns[name] = pl.Series(cells, dtype=kind)
        self._frames.append(pl.DataFrame(columns))

    def commit(self) -> int:
        """Writes the part; the number of parts."""
        if self._frames:
            path = self._path(self._parts)
            pl.concat(self._frames).write_parquet(path)
            _sync(path)
            sync_folder(self.part)
            self._frames.clear()
            self._parts += 1
        return self._parts

    def finish(self) -> None:
        """Joins the parts."""
        if self.commit() == 0:
            # What columns without rows would hold is not known.
            kinds = dict.fromkeys(self._taken, pl.String) | self._kinds
            self._frames.append(pl.DataFrame(schema=kinds))
        parts = [self._path(number) for number in range(self.commit())]
        whole = self.part / "whole.parquet"
        pl.scan_parquet(parts, glob=False, hive_partitioning=False).sink_parquet(whole)
        _sync(whole)
        whole.replace(self.out)
        sync_folder(self.out.absolute().parent)
        shutil.rmtree(self.part)

    def close(self) -> None:
        """The parts stay."""
        self._lock.close()

    def _path(self, number: int) -> Path:
        return self.part / f"{number:08}.parquet"


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
