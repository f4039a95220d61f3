"""Shift and scale of every feature, so that a network sees numbers of order one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model_store.schema import Feature, Scale
from training.data.reading import row_blocks
from training.errors import DataError

REAL_LAWS = ("gaussian", "laplace", "student_t")
"""Likelihoods of numbers that have a unit."""


@dataclass(frozen=True, eq=False)
class Standardisation:
    """Model units are (x - shift) / scale; shift 0 and scale 1 leave a feature as it is.

    Args:
        shift: Per feature, data units, float64.
        scale: Per feature, data units, positive, float64.
        constant_features: Names of the features, of any kind, that have one value only.
    """

    shift: np.ndarray
    scale: np.ndarray
    constant_features: tuple[str, ...]


def fit_standardisation(
    features: Sequence[Feature], train: np.ndarray, *, scale: Scale | None
) -> Standardisation:
    """The constants from the training rows alone; only features with real laws are changed.

    Each gets its own standard deviation, or with `shared` and `fixed` all Gaussian ones get the
    same pooled one: a single sigma in model units is then a single sigma in data units, which is
    what makes a linear model probabilistic PCA (Tipping & Bishop, 1999). Those of `student_t` have
    outliers, which would swell a standard deviation: their quartiles count.

    Args:
        features: In flat order.
        train: Rows in data units, shape (rows, *event).
        scale: The Gaussian's, None for its default.

    Raises:
        DataError: the values of a feature lie too far apart for float64.
    """
    x = train.reshape(train.shape[0], -1)
    low, high = x.min(axis=0).astype(np.float64), x.max(axis=0).astype(np.float64)
    width = _width(features, low, high)
    mean, deviation = _moments(x, low, width)
    gaussian = np.array([feature.likelihood == "gaussian" for feature in features])
    if scale in ("shared", "fixed") and gaussian.any():
        deviation[gaussian] = _pooled(deviation[gaussian])
    _resist_outliers(features, x, mean, deviation)
    real = np.array([feature.likelihood in REAL_LAWS for feature in features])
    deviation[(deviation == 0) | ~real] = 1.0
    return Standardisation(
        shift=np.where(real, mean, 0.0),
        scale=deviation,
        constant_features=tuple(features[i].name for i in np.flatnonzero(width == 0).tolist()),
    )


def _width(features: Sequence[Feature], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        width: np.ndarray = high - low
    if not np.isfinite(width).all():
        name = features[int(np.argmin(np.isfinite(width)))].name
        raise DataError(f"The values of {name!r} span more than 1.8e308; a smaller unit is needed.")
    return width


def _moments(x: np.ndarray, low: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation in float64.

    Of (x - low) / width, which is in [0, 1] for a timestamp and for a tiny current alike: no digit
    is lost to a large offset, and no square overflows or vanishes. Exactly 0 where width is.
    """
    unit = np.where(width > 0, width, 1.0)
    mean, square = np.zeros_like(low), np.zeros_like(low)
    for _, block in row_blocks(x):
        mean += ((block - low) / unit).sum(axis=0)
    mean /= x.shape[0]
    for _, block in row_blocks(x):
        square += np.square((block - low) / unit - mean).sum(axis=0)
    return low + unit * mean, unit * np.sqrt(square / x.shape[0])


def _resist_outliers(
    features: Sequence[Feature], x: np.ndarray, mean: np.ndarray, deviation: np.ndarray
) -> None:
    """Medians, and quartiles as far apart as a Gaussian's, where the law is Student's t.

    Where half the rows have one value the quartiles say nothing, and the deviation stays.
    """
    for i, feature in enumerate(features):
        if feature.likelihood != "student_t":
            continue
        low, mean[i], high = np.quantile(x[:, i].astype(np.float64), [0.25, 0.5, 0.75])
        if high > low:
            deviation[i] = (high - low) / 1.349


def _pooled(deviation: np.ndarray) -> float:
    """Root of the mean variance, by way of the largest, whose square could overflow."""
    largest = float(deviation.max())
    return largest * float(np.sqrt(np.square(deviation / largest).mean())) if largest > 0 else 1.0
