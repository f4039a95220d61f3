"""How every feature gets from data units to model units: chosen and fitted on training rows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from model_store.schema import LOGARITHMIC, Feature, Scale, Transform
from training.config import EVERY_COLUMN, TrainingConfig
from training.data.dataset import Dataset
from training.data.domains import within_domains
from training.data.kinds import grey_levels
from training.data.logarithms import MIN_GAIN, has_enough_values, log_gain, offset_of
from training.data.moments import moments, pooled, quartiles, ranges
from training.data.reading import check_columns
from training.errors import DataError

_TAKEN: Mapping[str, tuple[Transform, ...]] = {
    "gaussian": ("standardise", "log", "log1p"),
    "laplace": ("standardise",),
    "student_t": ("standardise",),
    "continuous_bernoulli": ("affine",),
}
"""What the features of a likelihood may be given; the first is the default. All others: none."""


@dataclass(frozen=True, eq=False)
class FittedTransforms:
    """Model units are (f(x) - shift) / scale, f(x) being log(x + offset) where a logarithm is.

    Args:
        features: As they came, each with its transform.
        shift: Per feature, float64.
        scale: Per feature, positive, float64.
        offset: Per feature, data units, float64; 0 where there is none.
        constant_features: Names of the features, of any kind, that have one value only.
        notes: Sentences to show the user, none of them an error.
    """

    features: tuple[Feature, ...]
    shift: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    constant_features: tuple[str, ...]
    notes: tuple[str, ...] = ()


def fit_transforms(dataset: Dataset, train: np.ndarray, config: TrainingConfig) -> FittedTransforms:
    """Transforms and their constants from the training rows alone.

    Args:
        dataset: All rows; a logarithm is only chosen if those that are held out have it too.
        train: Rows in data units, shape (rows, *event); NaN is a missing cell.
        config: What was asked for.

    Raises:
        DataError: `--transform` asks for what cannot be, or for a logarithm that a value lacks.
    """
    chosen = choose_transforms(dataset, train, config)
    offset = np.zeros(len(chosen))
    columns = train.reshape(train.shape[0], -1)
    asked = [_asked(feature, config) is not None for feature in chosen]
    for i, feature in enumerate(chosen):
        if feature.transform == "log1p":
            offset[i] = 1.0 if asked[i] else offset_of(columns[:, i])
    features, notes = within_domains(dataset, chosen, offset, asked)
    fitted = fit_constants(features, train, offset=offset, scale=config.scale)
    return replace(fitted, notes=notes)


def choose_transforms(
    dataset: Dataset, train: np.ndarray, config: TrainingConfig
) -> tuple[Feature, ...]:
    """The features with the transforms that were asked for, or else suit the training rows.

    Raises:
        DataError: `--transform` names no column, or what its likelihood does not take.
    """
    names = [name for name in config.transform if name != EVERY_COLUMN]
    check_columns("--transform", names, dataset.source, [f.name for f in dataset.features])
    _check_every(dataset.features, config)
    # One sigma for all, or a linear model, is a statement about the data as they are.
    is_free = config.scale not in ("shared", "fixed") and config.hidden_sizes != ()
    chosen = []
    for i, feature in enumerate(dataset.features):
        transform = _asked(feature, config)
        if transform is None:
            transform = _taken(feature)[0]
            if is_free and train.ndim == 2 and feature.kind == "real":
                transform = _suited(feature, train[:, i])
        chosen.append(feature.model_copy(update={"transform": transform}))
    return tuple(chosen)


def fit_constants(
    features: Sequence[Feature],
    train: np.ndarray,
    *,
    offset: np.ndarray | None = None,
    scale: Scale | None = None,
) -> FittedTransforms:
    """The constants of these features' transforms from the training rows alone.

    Each that is standardised gets its own standard deviation, or with `shared` and `fixed` all
    Gaussian ones get the same pooled one: a single sigma in model units is then a single sigma in
    data units, which is what makes a linear model probabilistic PCA (Tipping & Bishop, 1999). Those
    of `student_t` have outliers, which would swell a standard deviation: their quartiles count.

    Args:
        features: In flat order, with their transforms.
        train: Rows in data units, shape (rows, *event); NaN is a missing cell.
        offset: Per feature, what is added before a logarithm is taken; None for zeros.
        scale: The Gaussian's, None for its default.

    Raises:
        DataError: the values of a feature lie too far apart for float64.
    """
    offset = np.zeros(len(features)) if offset is None else offset
    x = _with_logarithms(features, train.reshape(train.shape[0], -1), offset)
    low, high = ranges(features, x)
    shift, spread = moments(x, low, high - low)
    if scale in ("shared", "fixed"):
        _pool_gaussians(features, spread)
    _resist_outliers(features, x, shift, spread)
    _span_intervals(features, low, high, (shift, spread), is_image=train.ndim > 2)
    untouched = np.array([feature.transform == "none" for feature in features])
    spread[(spread == 0) | untouched] = 1.0
    return FittedTransforms(
        features=tuple(features),
        shift=np.where(untouched, 0.0, shift),
        scale=spread,
        offset=offset,
        constant_features=tuple(features[i].name for i in np.flatnonzero(low == high).tolist()),
    )


def _taken(feature: Feature) -> tuple[Transform, ...]:
    if feature.kind == "unit_interval" and feature.likelihood == "continuous_bernoulli":
        return ("none",)
    return _TAKEN.get(feature.likelihood, ("none",))


def _asked(feature: Feature, config: TrainingConfig) -> Transform | None:
    """The transform asked for by name, or for every feature that takes it; None if left open.

    Raises:
        DataError: the one asked for by name does not go with the feature's likelihood.
    """
    taken, every = _taken(feature), config.transform.get(EVERY_COLUMN)
    asked = config.transform.get(feature.name)
    if asked is None:
        return every if every in taken else None
    if asked in taken:
        return asked
    flag = f"--transform {feature.name}={asked}"
    if asked in LOGARITHMIC and feature.likelihood in ("laplace", "student_t"):
        raise DataError(
            f"{flag} needs --likelihood gaussian; under {feature.likelihood} a variable whose "
            f"logarithm is {feature.name!r} has no mean."
        )
    raise DataError(
        f"{flag} was given; a feature of kind {feature.kind} with likelihood {feature.likelihood} "
        f"needs {' or '.join(taken)}."
    )


def _check_every(features: Sequence[Feature], config: TrainingConfig) -> None:
    every = config.transform.get(EVERY_COLUMN)
    if every is not None and not any(every in _taken(feature) for feature in features):
        raise DataError(
            f"--transform {every} was given and no feature takes it; "
            f"one with a likelihood that does is needed."
        )


def _suited(feature: Feature, column: np.ndarray) -> Transform:
    """A logarithm where it is clearly better, else the default."""
    default = _taken(feature)[0]
    values = column.astype(np.float64)
    if feature.likelihood != "gaussian" or not np.nanmin(values, initial=np.inf) >= 0:
        return default
    if not np.nanmax(values, initial=0.0) > 0:
        return default
    offset = offset_of(values)
    if not has_enough_values(values) or log_gain(values, offset) < MIN_GAIN:
        return default
    return "log1p" if offset else "log"


def _with_logarithms(features: Sequence[Feature], x: np.ndarray, offset: np.ndarray) -> np.ndarray:
    columns = [i for i, feature in enumerate(features) if feature.transform in LOGARITHMIC]
    if not columns:
        return x
    values = x.astype(np.float64)
    values[:, columns] = np.log(values[:, columns] + offset[columns])
    return values


def _pool_gaussians(features: Sequence[Feature], spread: np.ndarray) -> None:
    gaussian = np.array([feature.likelihood == "gaussian" for feature in features])
    if gaussian.any():
        spread[gaussian] = pooled(spread[gaussian])


def _resist_outliers(
    features: Sequence[Feature], x: np.ndarray, shift: np.ndarray, spread: np.ndarray
) -> None:
    """Medians, and quartiles as far apart as a Gaussian's, where the law is Student's t.

    Where half the rows have one value the quartiles say nothing, and the deviation stays.
    """
    for i, feature in enumerate(features):
        if feature.likelihood != "student_t":
            continue
        low, shift[i], high = quartiles(x[:, i])
        if high > low:
            spread[i] = (high - low) / 1.349


def _span_intervals(
    features: Sequence[Feature],
    low: np.ndarray,
    high: np.ndarray,
    constants: tuple[np.ndarray, np.ndarray],
    *,
    is_image: bool,
) -> None:
    """Ends of the intervals: those of the levels, or the least and greatest training value.

    Features without levels share their ends, as those with levels do: what one cell of a picture
    never shows, another does. Pictures of grey values reach to the top of their scale.
    """
    shift, spread = constants
    unlevelled = [i for i, f in enumerate(features) if f.transform == "affine" and f.levels is None]
    if unlevelled:
        bottom, top = float(low[unlevelled].min()), float(high[unlevelled].max())
        if is_image and bottom >= 0 and top <= 255:
            bottom, top = 0.0, grey_levels(math.ceil(top)) - 1.0
        shift[unlevelled], spread[unlevelled] = bottom, top - bottom
    for i, feature in enumerate(features):
        if feature.transform == "affine" and feature.levels is not None:
            shift[i], spread[i] = 0.0, feature.levels - 1.0
