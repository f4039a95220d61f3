"""Tables of which it is known which rows are anomalies, and the protocol that cuts them in two."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

MAX_FIT_ROWS = 8_000

Cells = NDArray[np.float64]
"""Rows of numbers, shape (rows, columns)."""

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class LabelledTable:
    """Rows, some of them anomalies.

    Args:
        name: Of the file, without its beginning and ending.
        numbers: Shape (rows, numeric columns).
        codes: Categories as codes, shape (rows, categorical columns); there may be none.
        cardinalities: How many categories each categorical column has.
        is_anomaly: Shape (rows,).
    """

    name: str
    numbers: Cells
    codes: NDArray[np.int64]
    cardinalities: tuple[int, ...]
    is_anomaly: NDArray[np.bool_]

    def frame(self, rows: Indices) -> pl.DataFrame:
        """These rows as a table file holds them; every category is known of, also if not among."""
        numbers = {f"x{j}": self.numbers[rows, j] for j in range(self.numbers.shape[1])}
        categories = {
            f"c{j}": pl.Series(self.codes[rows, j].astype(str)).cast(
                pl.Enum([str(code) for code in range(size)])
            )
            for j, size in enumerate(self.cardinalities)
        }
        return pl.DataFrame({**numbers, **categories})

    def coded(self, rows: Indices) -> Cells:
        """These rows in the order of `frame`, categories as their codes."""
        return np.concatenate([self.numbers[rows], self.codes[rows].astype(np.float64)], axis=1)

    def one_hot(self, rows: Indices) -> Cells:
        """These rows for detectors that know numbers only."""
        parts = [self.numbers[rows]]
        for j, size in enumerate(self.cardinalities):
            parts.append(np.eye(size)[self.codes[rows, j]])
        return np.concatenate(parts, axis=1)


@dataclass(frozen=True, eq=False)
class Halves:
    """Row numbers: normal ones to fit on, and all others, to be scored."""

    fit: Indices
    scored: Indices


def read_table(path: Path) -> LabelledTable:
    """The table of an `ad_*.npz`."""
    with np.load(path, allow_pickle=False) as arrays:
        numbers = arrays["X_num"] if "X_num" in arrays else arrays["X"]
        codes = (
            arrays["X_cat"] if "X_cat" in arrays else np.zeros((len(numbers), 0), dtype=np.int64)
        )
        levels = json.loads(str(arrays["cat_levels"])) if "X_cat" in arrays else {}
        is_anomaly = arrays["y"] == 1
    cardinalities = tuple(len(names) for names in levels.values())
    name = path.stem.removeprefix("ad_")
    return LabelledTable(
        name,
        numbers.astype(np.float64),
        np.asarray(codes, dtype=np.int64),
        cardinalities,
        is_anomaly,
    )


def halve(table: LabelledTable, seed: int) -> Halves:
    """A random half of the normal rows, at most 8,000 of them, and all the other rows."""
    normal = np.flatnonzero(~table.is_anomaly)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(normal)
    fit = order[: min(len(order) // 2, MAX_FIT_ROWS)]
    return Halves(fit, np.setdiff1d(np.arange(len(table.is_anomaly)), fit))
