"""The drift test as a bet: fair odds whatever comes, so no false alarm; and no late one."""

import itertools
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from model_store.drift import ContributionShift, DriftState, DriftTest, Floats

ALARM = np.log(100)


def p_values_of(calibration: Floats, scores: Floats) -> Floats:
    above = len(calibration) - np.searchsorted(np.sort(calibration), scores)
    p_values: Floats = (1 + above) / (len(calibration) + 1)
    return p_values


def after(calibration: Floats, batches: Iterable[Floats]) -> DriftState:
    """What the test of a calibration has seen when these scores have come."""
    test = DriftTest.of(p_values_of(calibration, calibration))
    state = test.start()
    for scores in batches:
        state = test.after(state, p_values_of(calibration, scores))
    return state


def alarms(repetitions: int, n: int, draw: Callable[[np.random.Generator, int], Floats]) -> int:
    """In how many streams of 10,000 clean rows there is an alarm at level 0.01."""
    found = 0
    for seed in range(repetitions):
        generator = np.random.default_rng(seed)
        calibration = draw(generator, n)
        batches = (draw(generator, 1_000) for _ in range(10))
        found += after(calibration, batches).log_peak >= ALARM
    return found


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_the_e_value_is_1_on_average_over_all_orders_of_calibration_and_rows(rows: int) -> None:
    orders = [np.array(order) for order in itertools.permutations(np.arange(3.0 + rows))]

    e_values = [np.exp(after(order[:3], [order[3:]]).log_e_value) for order in orders]

    assert np.mean(e_values) == pytest.approx(1, abs=1e-12)
    assert np.ptp(e_values) > 0.01


def test_clean_rows_raise_no_more_alarms_than_the_level_though_all_share_one_calibration() -> None:
    found = alarms(100, 100, lambda generator, n: generator.normal(size=n))

    assert found <= 4  # of Binomial(100, 0.01), with probability 0.997


@pytest.mark.parametrize("mean", [0.5, 3.0])
def test_neither_do_they_where_scores_are_equal(mean: float) -> None:
    found = alarms(60, 200, lambda generator, n: generator.poisson(mean, n).astype(float))

    assert found <= 3  # of Binomial(60, 0.01), with probability 0.997


@pytest.mark.parametrize("clean", [0, 50_000])
@pytest.mark.parametrize(("shift", "spread"), [(0.3, 1.0), (-0.3, 1.0), (0.0, 1.3), (0.0, 0.75)])
def test_a_change_is_found_whenever_it_comes_and_wherever_to(
    clean: int, shift: float, spread: float
) -> None:
    generator = np.random.default_rng(1)
    calibration = generator.normal(size=2_000)

    before = after(calibration, [generator.normal(size=clean)])
    changed = generator.normal(shift, spread, size=2_000)
    state = after(calibration, [generator.normal(size=clean), changed])

    assert before.log_peak < ALARM
    assert state.log_peak >= ALARM


def test_a_few_broken_rows_in_a_hundred_are_found() -> None:
    generator = np.random.default_rng(2)
    broken = np.where(generator.random(2_000) < 0.02, 50.0, generator.normal(size=2_000))

    state = after(generator.normal(size=1_000), [broken])

    assert state.log_peak >= ALARM


def test_an_alarm_stays_when_the_change_is_over() -> None:
    generator = np.random.default_rng(3)
    calibration = generator.normal(size=1_000)

    state = after(calibration, [np.full(50, 5.0), generator.normal(size=50_000)])

    assert state.log_e_value < state.log_peak
    assert state.log_peak >= ALARM


def test_rows_that_come_at_once_are_worth_what_they_are_one_by_one() -> None:
    generator = np.random.default_rng(4)
    calibration, scores = generator.normal(size=99), generator.normal(size=70)

    at_once, singly = after(calibration, [scores]), after(calibration, scores[:, None])

    np.testing.assert_array_equal(at_once.counts, singly.counts)
    np.testing.assert_allclose(at_once.log_stakes, singly.log_stakes, atol=1e-9)
    assert at_once.log_peak == pytest.approx(singly.log_peak, abs=1e-9)


def test_no_rows_change_nothing() -> None:
    test = DriftTest.of(np.array([0.5, 1.0]))
    state = test.start()

    assert test.after(state, np.array([])) is state
    assert state.log_e_value == pytest.approx(0)


def test_constant_scores_say_nothing_until_one_is_higher() -> None:
    calibration = np.zeros(100)

    same, higher = after(calibration, [np.zeros(5_000)]), after(calibration, [np.ones(50)])

    assert same.log_peak < 1
    assert higher.rows == 50


@pytest.mark.parametrize("n", [1, 2, 19, 5_000])
def test_bins_hold_the_cells_of_every_calibration(n: int) -> None:
    test = DriftTest.of(np.arange(2, n + 2) / (n + 1))

    assert test.balls.sum() == n + 1
    assert test.balls.min() >= 1
    assert test.edges[-1] == 1


def test_the_distance_is_the_largest_between_shares() -> None:
    test = DriftTest.of(np.arange(2, 101) / 100)
    counts = np.zeros_like(test.balls)
    counts[0] = 1

    assert test.distance(counts) == pytest.approx(0.99)
    assert test.distance(test.balls) == pytest.approx(0)


def test_a_feature_that_contributes_more_stands_out() -> None:
    generator = np.random.default_rng(5)
    typical = np.median(generator.chisquare(1, size=(500, 4)), axis=0)
    contributions = generator.chisquare(1, size=(1_000, 4)) * [1, 1, 2, 1]

    shift = ContributionShift.start(4).after(contributions - typical)

    z = shift.z(500)
    assert z[2] > 5
    assert np.abs(np.delete(z, 2)).max() < 3
    assert (shift.excess / shift.rows)[2] > 0.5


def test_z_is_a_standard_deviation_though_the_median_is_an_estimate() -> None:
    generator = np.random.default_rng(6)
    calibration = generator.normal(size=(101, 2_000))  # as many features, each with its own
    rows = generator.normal(size=(300, 2_000))

    z = ContributionShift.start(2_000).after(rows - np.median(calibration, axis=0)).z(101)

    assert z.std() == pytest.approx(1, abs=0.06)


def test_missing_values_and_typical_contributions_move_nothing() -> None:
    excess = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [-1.0, 5.0]])

    shift = ContributionShift.start(2).after(excess)

    np.testing.assert_array_equal(shift.rows, [2, 1])
    np.testing.assert_array_equal(shift.excess, [0, 5])
    np.testing.assert_array_equal(shift.z(10), [0, 1])
