"""Training, validation and test rows: disjoint, complete, and the same for the same seed."""

from dataclasses import dataclass

import numpy as np

from training.config import TrainingConfig
from training.data.binarize import Stream, draw_pixels
from training.data.dataset import Dataset
from training.data.gaps import count_missing, or_ignore
from training.errors import DataError

MIN_TRAINING_ROWS = 10


@dataclass(frozen=True, eq=False)
class Split:
    """Rows in data units, each of shape (rows, *event_shape).

    With dynamic binarisation the training rows are grey values to draw from on every pass; the
    others are drawn once, so that every evaluation sees the same rows.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split_for(dataset: Dataset, config: TrainingConfig) -> Split:
    """The split that a run with this config trains, selects and is evaluated on.

    Raises:
        DataError: too few rows are left to train on, or none of them has a value of some feature.
    """
    return split_rows(
        dataset,
        validation_fraction=config.validation_fraction,
        test_fraction=config.test_fraction,
        seed=config.seed,
    )


def split_rows(
    dataset: Dataset, *, validation_fraction: float, test_fraction: float, seed: int
) -> Split:
    """The rows in three; a dataset that brings its own test rows is cut in two.

    Raises:
        DataError: too few rows are left to train on, or none of them has a value of some feature.
    """
    rows = dataset.x.shape[0]
    num_validation = max(1, round(rows * validation_fraction))
    num_test = 0 if dataset.test is not None else max(1, round(rows * test_fraction))
    if (num_training := rows - num_validation - num_test) < MIN_TRAINING_ROWS:
        raise DataError(
            f"{dataset.source} has {rows} rows, of which {num_validation} for validation and "
            f"{num_test} for test leave {max(0, num_training)} to train on; "
            f"at least {MIN_TRAINING_ROWS} are needed."
        )
    order = np.random.Generator(np.random.PCG64(seed)).permutation(rows)
    test, validation, train = np.split(order, [num_test, num_test + num_validation])
    held_out = dataset.x[test] if dataset.test is None else dataset.test
    split = Split(train=dataset.x[train], validation=dataset.x[validation], test=held_out)
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
    """Validation and test pixels as 0 and 1."""
    return Split(
        train=split.train,
        validation=draw_pixels(split.validation, seed, Stream.VALIDATION),
        test=draw_pixels(split.test, seed, Stream.TEST),
    )
