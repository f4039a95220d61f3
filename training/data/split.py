"""Training, validation, test and calibration rows: disjoint, complete, the same for one seed."""

from dataclasses import dataclass

import numpy as np

from training.config import TrainingConfig
from training.data.binarize import Stream, draw_pixels
from training.data.dataset import Dataset
from training.data.gaps import count_missing, or_ignore
from training.errors import DataError

MIN_TRAINING_ROWS = 10

MAX_CALIBRATION_ROWS = 5_000

# Rows n for which 1 / (n + 1) is a rate that people ask for, and the largest share of the rows that
# is given for it.
_CALIBRATION_GOALS = ((99, 0.2), (999, 0.15))


@dataclass(frozen=True, eq=False)
class Split:
    """Rows in data units, each of shape (rows, *event_shape).

    With dynamic binarisation the training rows are grey values to draw from on every pass; the
    others are drawn once, so that every evaluation sees the same rows.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    calibration: np.ndarray


def split_for(dataset: Dataset, config: TrainingConfig) -> Split:
    """The split that a run with this config trains, selects and is evaluated on.

    Raises:
        DataError: too few rows are left to train on, or none of them has a value of some feature.
    """
    return split_rows(
        dataset,
        validation_fraction=config.validation_fraction,
        test_fraction=config.test_fraction,
        calibration_rows=calibration_rows(dataset.x.shape[0], config.calibration_fraction),
        seed=config.seed,
    )


def calibration_rows(rows: int, fraction: float | None) -> int:
    """How many of so many rows calibrate the scores.

    A tenth, at most 5,000: more if that reaches a false-positive rate of 0.01, for which a fifth of
    the rows is given, or of 0.001, for which 15 % are.
    """
    if fraction is not None:
        return round(rows * fraction)
    count = max(1, round(rows / 10))
    for goal, share in _CALIBRATION_GOALS:
        if count < goal <= share * rows:
            return goal
    return min(count, MAX_CALIBRATION_ROWS)


def split_rows(
    dataset: Dataset,
    *,
    validation_fraction: float,
    test_fraction: float,
    calibration_rows: int = 0,
    seed: int,
) -> Split:
    """The rows in four; of a dataset that brings its own test rows the others in three.

    Raises:
        DataError: too few rows are left to train on, or none of them has a value of some feature.
    """
    rows = dataset.x.shape[0]
    num_validation = max(1, round(rows * validation_fraction))
    num_test = 0 if dataset.test is not None else max(1, round(rows * test_fraction))
    held_out = num_validation + num_test + calibration_rows
    if (num_training := rows - held_out) < MIN_TRAINING_ROWS:
        raise DataError(
            f"{dataset.source} has {rows} rows, of which {num_validation} for validation, "
            f"{num_test} for test and {calibration_rows} for calibration leave "
            f"{max(0, num_training)} to train on; "
            f"at least {MIN_TRAINING_ROWS} are needed."
        )
    order = np.random.Generator(np.random.PCG64(seed)).permutation(rows)
    ends = np.cumsum([num_test, calibration_rows, num_validation])
    test, calibration, validation, train = (dataset.x[part] for part in np.split(order, ends))
    split = Split(
        train=train,
        validation=validation,
        test=test if dataset.test is None else dataset.test,
        calibration=calibration,
    )
    _check_observed(dataset, split.train)
    return _drawn(split, seed) if dataset.binarize == "dynamic" else split


def _check_observed(dataset: Dataset, train: np.ndarray) -> None:
    missing = count_missing(train)
    if (missing == train.shape[0]).any():
        i = int(missing.argmax())
        name = dataset.features[i].name
        observed = dataset.x.shape[0] - int(count_missing(dataset.x)[i])
        values = "1 value" if observed == 1 else f"{observed:,} values"
        raise DataError(
            f"{dataset.source}: {name!r} has {values} in {dataset.x.shape[0]:,} rows, none of them "
            f"in a training row; more are needed{or_ignore(name, dataset.event_shape)}."
        )


def _drawn(split: Split, seed: int) -> Split:
    """All pixels but those of training as 0 and 1."""
    return Split(
        train=split.train,
        validation=draw_pixels(split.validation, seed, Stream.VALIDATION),
        test=draw_pixels(split.test, seed, Stream.TEST),
        calibration=draw_pixels(split.calibration, seed, Stream.CALIBRATION),
    )
