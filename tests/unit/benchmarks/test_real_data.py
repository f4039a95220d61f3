import numpy as np
import pytest

from benchmarks.real_data.columns import Columns, coverage, hide, score
from benchmarks.real_data.imputation import records_of
from benchmarks.real_data.markdown import over_rows, over_seeds
from benchmarks.real_data.regression import Regression
from model_store.schema import Feature

FEATURES = (
    Feature(name="length", kind="real", likelihood="gaussian", transform="standardise"),
    Feature(name="sex", kind="categorical", likelihood="categorical", categories=("f", "m")),
)
NAN = np.nan
TRAIN = np.array([[1.0, 1.0], [3.0, 1.0], [5.0, 0.0], [NAN, NAN]])


def test_columns_are_filled_with_the_mean_or_the_most_frequent_code_of_what_is_there() -> None:
    columns = Columns.of(FEATURES, TRAIN)

    assert columns.fill.tolist() == [3.0, 1.0]
    assert columns.scale.tolist() == [pytest.approx(np.sqrt(8 / 3)), 1.0]


def test_only_observed_cells_are_hidden_and_about_the_share_asked_for() -> None:
    x = np.ones((5_000, 4))
    x[:, 0] = NAN

    hidden = hide(x, 0.2, seed=0)

    assert not hidden[:, 0].any()
    assert hidden[:, 1:].mean() == pytest.approx(0.2, abs=0.01)


def test_what_is_hidden_depends_on_the_seed_and_not_on_the_values() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))

    hidden = hide(x, 0.2, seed=1)

    assert (hidden == hide(10 * x, 0.2, seed=1)).all()
    assert (hidden != hide(x, 0.2, seed=2)).any()


def test_scores_look_at_hidden_cells_alone_and_in_standard_deviations() -> None:
    columns = Columns.of(FEATURES, TRAIN)
    truth = np.array([[3.0, 1.0], [4.0, 0.0], [5.0, NAN]])
    filled = np.array([[3.0 + 2 * columns.scale[0], 1.0], [4.0, 1.0], [99.0, 0.0]])
    hidden = np.array([[True, True], [True, True], [False, False]])

    scores = score(columns, truth, filled, hidden)

    assert scores.rmse == pytest.approx(np.sqrt(2.0))
    assert scores.accuracy == 0.5
    assert scores.per_column == pytest.approx([np.sqrt(2.0), 0.5])


def test_a_column_without_hidden_cells_has_no_score() -> None:
    columns = Columns.of(FEATURES, TRAIN)
    truth = np.array([[3.0, 1.0]])

    scores = score(columns, truth, truth, np.array([[True, False]]))

    assert scores.per_column == pytest.approx([0.0, NAN], nan_ok=True)


def test_coverage_counts_hidden_numbers_within_two_standard_deviations() -> None:
    columns = Columns.of(FEATURES, TRAIN)
    truth = np.array([[1.0, 0.0], [3.0, 0.0], [9.0, 0.0]])
    predicted = (np.array([[0.0, 1.0]] * 3), np.array([[1.0, NAN]] * 3))
    hidden = np.array([[True, True], [True, True], [False, True]])

    assert coverage(columns, truth, predicted, hidden) == 0.5


def test_records_hold_names_and_gaps() -> None:
    x = np.array([[1.5, 1.0], [NAN, NAN]])

    records = records_of(FEATURES, x)

    assert records == [{"length": 1.5, "sex": "m"}, {"length": None, "sex": None}]


def test_regression_finds_what_one_column_says_of_the_others() -> None:
    lengths = np.linspace(0.0, 1.0, 200)
    train = np.stack([lengths, lengths > 0.5], axis=1)
    regression = Regression(Columns.of(FEATURES, train), train, [0, 2])

    filled = regression.fill(np.array([[0.1, NAN], [0.9, NAN], [NAN, 1.0]]))

    assert filled == pytest.approx(np.array([[0.1, 0], [0.9, 1], [0.75, 1]]), abs=0.05)


def test_a_spread_is_the_smallest_and_the_largest_of_the_seeds() -> None:
    assert over_seeds([1.0, 2.0, 6.0], 1) == "3.0 (1.0 to 6.0)"
    assert over_seeds([1.0], 1) == "1.0"


def test_the_error_of_a_mean_over_rows_is_that_of_independent_rows() -> None:
    assert over_rows(np.array([1.0, 3.0, 1.0, 3.0])) == "2.00 ± 0.58"
