"""Constants of transforms, to the last digit."""

import numpy as np
import pytest

from model_store.schema import Feature, Scale
from training.data import FittedTransforms, fit_constants
from training.errors import DataError

REAL = Feature(name="a", kind="real", likelihood="gaussian", transform="standardise")
CITY = Feature(name="d", kind="categorical", likelihood="categorical", categories=("x", "y"))


HEAVY = Feature(name="h", kind="real", likelihood="laplace", transform="standardise")


def fit(x: np.ndarray, scale: Scale | None = None) -> FittedTransforms:
    return fit_constants([REAL] * x.shape[1], x, scale=scale)


@pytest.mark.parametrize("scale", [None, "per_feature", "predicted"])
def test_every_feature_has_its_own_mean_and_deviation(scale: Scale | None) -> None:
    x = np.random.default_rng(0).normal([3, -5], [2, 7], (100, 2))

    fitted = fit(x, scale)

    assert fitted.shift == pytest.approx(x.mean(axis=0), rel=1e-14)
    assert fitted.scale == pytest.approx(x.std(axis=0), rel=1e-14)


@pytest.mark.parametrize("scale", ["shared", "fixed"])
def test_one_sigma_for_all_needs_one_unit_for_all(scale: Scale) -> None:
    x = np.random.default_rng(0).normal([3, -5], [2, 7], (100, 2))

    fitted = fit(x, scale)

    assert fitted.shift == pytest.approx(x.mean(axis=0), rel=1e-14)
    assert fitted.scale == pytest.approx([np.sqrt(x.var(axis=0).mean())] * 2, rel=1e-14)


def test_discrete_features_stay_as_they_are() -> None:
    fitted = fit_constants([CITY, REAL], np.array([[0, 10.0], [1, 30.0]]), scale="shared")

    assert fitted.shift.tolist() == [0, 20]
    assert fitted.scale.tolist() == [1, 10]


def test_one_sigma_for_gaussians_leaves_other_laws_their_own() -> None:
    x = np.array([[0.0, 10.0], [2.0, 30.0]])

    fitted = fit_constants([REAL, HEAVY], x, scale="shared")

    assert fitted.shift.tolist() == [1, 20]
    assert fitted.scale.tolist() == [1, 10]


def test_outliers_do_not_move_the_units_of_students_t() -> None:
    x = np.random.default_rng(0).normal(3, 2, (1_000, 1))
    x[:10] = 1e9
    outlying = HEAVY.model_copy(update={"likelihood": "student_t"})

    fitted = fit_constants([outlying], x, scale=None)

    assert fitted.shift[0] == pytest.approx(3, abs=0.2)
    assert fitted.scale[0] == pytest.approx(2, rel=0.1)


def test_a_value_of_most_rows_leaves_students_t_the_deviation() -> None:
    x = np.array([[0.0]] * 9 + [[10.0]])
    outlying = HEAVY.model_copy(update={"likelihood": "student_t"})

    fitted = fit_constants([outlying], x, scale=None)

    assert (fitted.shift[0], fitted.scale[0]) == pytest.approx((0, x.std()))


def test_a_constant_feature_is_named_and_keeps_its_unit() -> None:
    x = np.array([[0.1, 0.1], [0.1, 0.3]] * 5)
    constant = REAL.model_copy(update={"name": "still"})

    fitted = fit_constants([constant, REAL], x, scale=None)

    assert fitted.constant_features == ("still",)
    assert (fitted.shift[0], fitted.scale[0]) == (0.1, 1.0)


def test_nothing_but_constants_keeps_its_unit() -> None:
    assert fit(np.full((5, 2), 3.0), "shared").scale.tolist() == [1, 1]


def test_timestamps_keep_their_digits() -> None:
    seconds = np.arange(100_000) % 60
    x = (1.7e9 + seconds).reshape(-1, 1)

    fitted = fit(x)

    assert fitted.shift[0] - 1.7e9 == pytest.approx(seconds.mean(), abs=1e-6)
    assert fitted.scale[0] == pytest.approx(seconds.std(), rel=1e-12)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_squares_neither_vanish_nor_overflow(unit: float) -> None:
    fitted = fit(np.array([[1.0], [3.0]]) * unit)

    assert fitted.scale / unit == pytest.approx([1.0])


def test_a_span_beyond_float64_is_refused() -> None:
    with pytest.raises(DataError, match="The values of 'a' span more than"):
        fit(np.array([[-1e308], [1e308]]))


def test_small_integers_are_not_summed_in_their_own_type() -> None:
    x = np.full((1000, 1), 200, dtype=np.uint8)
    x[0] = 0

    assert fit(x).shift[0] == pytest.approx(199.8)


def test_missing_cells_are_passed_over() -> None:
    x = np.random.default_rng(0).normal(3, 2, (50, 2))
    x[::3, 0] = np.nan
    x[:, 1] = np.nan

    fitted = fit(x)

    assert fitted.shift == pytest.approx([np.nanmean(x[:, 0]), 0])
    assert fitted.scale == pytest.approx([np.nanstd(x[:, 0]), 1])
