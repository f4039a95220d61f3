"""How many rows go where."""

import dataclasses

import numpy as np
import pytest

from tests.sources import ROWS, config_for
from training.data import Dataset, Split, load_dataset, split_for, split_rows
from training.data.split import calibration_rows
from training.errors import DataError

IRIS = load_dataset(config_for("iris"))


def split(dataset: Dataset, validation: float = 0.1, test: float = 0.2, seed: int = 0) -> Split:
    return split_rows(dataset, validation_fraction=validation, test_fraction=test, seed=seed)


def first_rows(count: int) -> Dataset:
    return dataclasses.replace(IRIS, x=IRIS.x[:count])


def test_fractions_are_of_all_rows() -> None:
    parts = split(IRIS)

    assert [len(parts.train), len(parts.validation), len(parts.test)] == [105, 15, 30]


def test_the_smallest_fractions_still_hold_out_a_row() -> None:
    parts = split(first_rows(ROWS), 0.001, 0.001)

    assert [len(parts.validation), len(parts.test)] == [1, 1]


def test_own_test_rows_are_kept_as_they_are() -> None:
    dataset = dataclasses.replace(IRIS, test=IRIS.x[:7] + 1)

    parts = split(dataset, test=0.9)

    assert np.array_equal(parts.test, IRIS.x[:7] + 1)
    assert [len(parts.train), len(parts.validation)] == [135, 15]


def test_another_seed_is_another_split() -> None:
    assert not np.array_equal(split(IRIS, seed=0).test, split(IRIS, seed=1).test)


@pytest.mark.parametrize(
    ("rows", "count"),
    [(24, 2), (494, 49), (495, 99), (2_000, 200), (6_660, 999), (10**6, 5_000)],
)
def test_enough_rows_calibrate_for_the_rates_that_people_ask_for(rows: int, count: int) -> None:
    assert calibration_rows(rows, None) == count


def test_own_test_rows_leave_the_calibration_rows_to_the_others() -> None:
    dataset = dataclasses.replace(IRIS, test=IRIS.x[:7] + 1)

    parts = split_for(dataset, config_for("iris"))

    assert [len(parts.train), len(parts.validation), len(parts.calibration)] == [120, 15, 15]


def test_too_few_training_rows_are_counted() -> None:
    with pytest.raises(DataError) as refused:
        split(first_rows(20), 0.5, 0.4)

    assert str(refused.value) == (
        "iris has 20 rows, of which 10 for validation, 8 for test and 0 for calibration leave 2 to "
        "train on; "
        "at least 10 are needed."
    )
