"""What holds for any rows: splits partition them, and their order and units do not matter."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model_store.schema import Feature
from training.data import Dataset, fit_constants, split_rows
from training.data.kinds import facts_of, infer_kinds
from training.data.reading import Reading, cell_names
from training.data.split import calibration_rows

seeds = st.integers(0, 2**63 - 1)
fractions = st.floats(0.001, 0.3)
row_counts = st.integers(30, 200)
REAL = Feature(name="a", kind="real", likelihood="gaussian", transform="standardise")

tables = st.one_of(
    arrays(np.int64, (20, 3), elements=st.integers(-3, 60)),
    arrays(np.uint8, (20, 3), elements=st.integers(0, 40)),
    arrays(np.float64, (20, 3), elements=st.sampled_from([0.0, 0.5, 1.0, 7.0])),
)


def numbered(rows: int) -> Dataset:
    """Rows that hold their own number."""
    return Dataset("numbers", "numbers", np.arange(rows).reshape(rows, 1), (REAL,))


def read(x: np.ndarray, *, is_table: bool = False) -> Reading:
    whole = np.full(x.shape[1], np.issubdtype(x.dtype, np.integer))
    return Reading("t", "t", x, cell_names(x.shape[1:]), whole, is_table=is_table)


def kinds(reading: Reading) -> list[str]:
    return list(infer_kinds(reading, facts_of(reading)))


@given(row_counts, fractions, fractions, st.integers(0, 2), seeds)
def test_a_split_holds_every_row_once(
    rows: int, validation: float, test: float, calibration: int, seed: int
) -> None:
    split = split_rows(
        numbered(rows),
        validation_fraction=validation,
        test_fraction=test,
        calibration_rows=calibration,
        seed=seed,
    )

    parts = [split.train, split.validation, split.test, split.calibration]
    assert all(len(part) for part in parts[:3])
    assert len(split.calibration) == calibration
    assert sorted(np.concatenate(parts)[:, 0]) == list(range(rows))


@given(row_counts, seeds)
def test_the_same_seed_is_the_same_split(rows: int, seed: int) -> None:
    once, again = (
        split_rows(numbered(rows), validation_fraction=0.1, test_fraction=0.2, seed=seed)
        for _ in range(2)
    )

    assert dataclasses.astuple(once)[0].tolist() == dataclasses.astuple(again)[0].tolist()
    assert np.array_equal(once.test, again.test)


@settings(deadline=None)
@given(tables, st.permutations(range(20)), st.booleans())
def test_kinds_do_not_depend_on_the_order_of_rows(
    x: np.ndarray, order: list[int], is_table: bool
) -> None:
    assert kinds(read(x, is_table=is_table)) == kinds(read(x[order], is_table=is_table))


@settings(deadline=None)
@given(
    arrays(np.float64, (20, 3), elements=st.sampled_from([-2.0, 0.0, 0.5, 1.0, 7.0])),
    arrays(np.bool_, (20, 3)),
)
def test_facts_are_those_of_the_observed_values(x: np.ndarray, missing: np.ndarray) -> None:
    missing[0] = False
    gaps = np.where(missing, np.nan, x)

    found = facts_of(read(gaps))

    alone = [facts_of(read(x[~missing[:, i], i : i + 1]))[0] for i in range(3)]
    assert [dataclasses.replace(f, mean=0.0) for f in found] == [
        dataclasses.replace(f, mean=0.0) for f in alone
    ]
    assert [f.mean for f in found] == pytest.approx([f.mean for f in alone])


@settings(deadline=None)
@given(tables, st.permutations(range(3)))
def test_kinds_of_a_table_go_with_their_columns(x: np.ndarray, order: list[int]) -> None:
    of_columns = kinds(read(x, is_table=True))

    assert kinds(read(x[:, order], is_table=True)) == [of_columns[i] for i in order]


@settings(deadline=None)
@given(
    arrays(np.float64, (20, 2), elements=st.integers(-1000, 1000).map(float)),
    st.floats(0.01, 100),
    st.floats(-1e6, 1e6),
    st.sampled_from([None, "shared", "fixed", "predicted"]),
)
def test_constants_follow_the_units_of_the_data(
    x: np.ndarray, factor: float, offset: float, scale: str | None
) -> None:
    fitted = fit_constants([REAL, REAL], x, scale=scale)
    rescaled = fit_constants([REAL, REAL], factor * x + offset, scale=scale)

    constant = (x.max(axis=0) == x.min(axis=0)) & (fitted.scale == 1)
    assert rescaled.shift == pytest.approx(factor * fitted.shift + offset, rel=1e-9, abs=1e-6)
    assert rescaled.scale[~constant] == pytest.approx(factor * fitted.scale[~constant], rel=1e-6)


@settings(deadline=None)
@given(arrays(np.float64, (20, 2), elements=st.floats(-1e6, 1e6)))
def test_standardised_rows_have_mean_0_and_deviation_1(x: np.ndarray) -> None:
    fitted = fit_constants([REAL, REAL], x, scale=None)

    y = (x - fitted.shift) / fitted.scale

    varies = x.max(axis=0) - x.min(axis=0) > 1e-3
    assert y.mean(axis=0) == pytest.approx(0, abs=1e-6)
    assert y.std(axis=0)[varies] == pytest.approx(1, rel=1e-6)


@given(st.integers(10, 10**6))
def test_the_default_calibration_takes_a_fifth_of_the_rows_at_most(rows: int) -> None:
    count = calibration_rows(rows, None)

    assert 1 <= count <= min(5_000, rows / 5)
