"""Columns of a table, the simple ways to fill their gaps, and how good a filling is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_store.schema import Feature

Cells = NDArray[np.float64]
"""Rows of a table, shape (rows, columns); codes for categories, NaN for a missing cell."""

Mask = NDArray[np.bool_]
"""True for some cells of a table, or for some columns."""

WITHOUT_ORDER = ("binary", "categorical")
INTERVAL = 1.96  # standard deviations that hold 95 % of a Gaussian


@dataclass(frozen=True, eq=False)
class Columns:
    """What the training rows say of each column alone.

    Args:
        names: Of the columns.
        is_category: True where values have no order.
        fill: Mean of a numeric column, most frequent code of the others.
        scale: Standard deviation of a numeric column, the unit of its errors; 1 of the others.
    """

    names: tuple[str, ...]
    is_category: Mask
    fill: Cells
    scale: Cells

    @classmethod
    def of(cls, features: Sequence[Feature], train: Cells) -> "Columns":
        """The columns of these training rows."""
        is_category = np.array([feature.kind in WITHOUT_ORDER for feature in features])
        fill, scale = np.nanmean(train, axis=0), np.nanstd(train, axis=0)
        for j in np.flatnonzero(is_category):
            codes, counts = np.unique(train[~np.isnan(train[:, j]), j], return_counts=True)
            fill[j] = codes[counts.argmax()]
        scale[is_category | (scale == 0)] = 1.0
        return cls(tuple(feature.name for feature in features), is_category, fill, scale)


@dataclass(frozen=True, eq=False)
class Scores:
    """How far filled cells lie from what was hidden in them.

    Args:
        rmse: Root mean square error over all hidden numeric cells, in standard deviations.
        accuracy: Share of hidden cells without order that were filled with the true code.
        per_column: One or the other, of each column; NaN where no cell was hidden.
    """

    rmse: float
    accuracy: float
    per_column: Cells


def hide(x: Cells, share: float, seed: int) -> Mask:
    """Which observed cells to hide: each with this probability, whatever is in it."""
    uniform = np.random.Generator(np.random.PCG64(seed)).random(x.shape)
    hidden: Mask = (uniform < share) & ~np.isnan(x)
    return hidden


def score(columns: Columns, truth: Cells, filled: Cells, hidden: Mask) -> Scores:
    """The scores of a filling of the hidden cells."""
    squares = np.where(hidden, ((filled - truth) / columns.scale) ** 2, np.nan)
    hits = np.where(hidden, filled == truth, np.nan)
    numbers, categories = squares[:, ~columns.is_category], hits[:, columns.is_category]
    per_column = np.where(columns.is_category, _mean(hits, 0), np.sqrt(_mean(squares, 0)))
    return Scores(float(np.sqrt(_mean(numbers))), float(_mean(categories)), per_column)


def coverage(columns: Columns, truth: Cells, predicted: tuple[Cells, Cells], hidden: Mask) -> float:
    """Share of hidden numeric cells whose value lies within the predicted mean +- 1.96 deviations.

    Args:
        columns: Of the table.
        truth: The rows before cells were hidden.
        predicted: Means and standard deviations, NaN where there is none.
        hidden: Which cells were.
    """
    filled, deviation = predicted
    asked = hidden & ~columns.is_category & ~np.isnan(deviation)
    inside = np.abs(filled - truth)[asked] <= INTERVAL * deviation[asked]
    return float(inside.mean())


def _mean(values: Cells, axis: int | None = None) -> Cells:
    """Mean of what is there; NaN of nothing."""
    count = (~np.isnan(values)).sum(axis=axis)
    total = np.nansum(values, axis=axis)
    return np.asarray(
        np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
    )
