"""Location and spread of every column, missing cells passed over, to the last digit of float64."""

from collections.abc import Sequence

import numpy as np

from model_store.schema import Feature
from training.data.reading import is_missing, row_blocks
from training.errors import DataError


def ranges(features: Sequence[Feature], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest value of every column; 0 where there is none.

    Args:
        features: In the order of the columns, for their names.
        x: Shape (rows, features).

    Raises:
        DataError: the values of a feature lie too far apart for float64.
    """
    # fmin and fmax pass over NaN.
    low = np.nan_to_num(np.fmin.reduce(x).astype(np.float64))
    high = np.nan_to_num(np.fmax.reduce(x).astype(np.float64))
    with np.errstate(over="ignore"):
        finite = np.isfinite(high - low)
    if not finite.all():
        name = features[int(np.argmin(finite))].name
        raise DataError(f"The values of {name!r} span more than 1.8e308; a smaller unit is needed.")
    return low, high


def moments(x: np.ndarray, low: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation in float64, of columns with this smallest value and width.

    Of (x - low) / width, which is in [0, 1] for a timestamp and for a tiny current alike: no digit
    is lost to a large offset, and no square overflows or vanishes. Exactly 0 where width is.
    """
    unit = np.where(width > 0, width, 1.0)
    mean, square, count = np.zeros((3, x.shape[1]))
    for _, block in row_blocks(x):
        mean += np.nansum((block - low) / unit, axis=0)
        count += block.shape[0] - is_missing(block).sum(axis=0)
    mean /= np.maximum(count, 1)
    for _, block in row_blocks(x):
        square += np.nansum(np.square((block - low) / unit - mean), axis=0)
    return low + unit * mean, unit * np.sqrt(square / np.maximum(count, 1))


def quartiles(column: np.ndarray) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile of the values that are there; 0 if none are."""
    values = column.astype(np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return 0.0, 0.0, 0.0
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)


def pooled(deviations: np.ndarray) -> float:
    """Root of the mean variance, by way of the largest, whose square could overflow."""
    largest = float(deviations.max())
    return largest * float(np.sqrt(np.square(deviations / largest).mean())) if largest > 0 else 1.0
