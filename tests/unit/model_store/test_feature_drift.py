"""Bets on what single features contribute: fair odds, however features depend; and soon found."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from model_store.drift import ContributionShift, Floats
from model_store.feature_drift import FeatureTest

ALARM = np.log(100)

Draw = Callable[[np.random.Generator, int], Floats]


def log_e_values(typical: Floats, rows: int, batches: list[Floats]) -> list[float]:
    """After each batch, medians of so many calibration rows being typical."""
    test = FeatureTest.of(rows)
    stakes, shift = FeatureTest.start(len(typical)), ContributionShift.start(len(typical))
    seen, found = 0, []
    for batch in batches:
        after = test.after(stakes, shift, seen, batch - typical)
        stakes, shift, seen = after.log_stakes, shift.after(batch - typical), seen + len(batch)
        found.append(after.log_e_value)
    return found


def lower_median(calibration: Floats) -> Floats:
    ascending: Floats = np.sort(calibration, axis=0)
    return ascending[(len(calibration) - 1) // 2]


def alarms(repetitions: int, draw: Draw) -> int:
    """In how many streams of 10,000 clean rows there is one at level 0.01; 150 rows calibrate."""
    found = 0
    for seed in range(repetitions):
        generator = np.random.default_rng(seed)
        typical = lower_median(draw(generator, 150))
        batches = [draw(generator, 500) for _ in range(20)]
        found += max(log_e_values(typical, 150, batches)) >= ALARM
    return found


@pytest.mark.parametrize("n", [3, 4])
def test_the_e_value_of_one_feature_is_1_on_average_over_all_orders(n: int) -> None:
    orders = [np.array(order)[:, None] for order in itertools.permutations(np.arange(n + 3.0))]

    e_values = [
        np.exp(log_e_values(lower_median(order[:n]), n, [order[n : n + 1], order[n + 1 :]])[-1])
        for order in orders
    ]

    assert np.mean(e_values) == pytest.approx(1, abs=1e-12)
    assert np.ptp(e_values) > 0.01


def alike(generator: np.random.Generator, rows: int) -> Floats:
    """Ten features that say nearly the same."""
    common = generator.normal(size=(rows, 1))
    return common + 0.3 * generator.normal(size=(rows, 10))


def counts(generator: np.random.Generator, rows: int) -> Floats:
    """Ten features of few values, so that many contributions equal the median."""
    return generator.poisson(3.0, (rows, 10)).astype(float)


def with_gaps(generator: np.random.Generator, rows: int) -> Floats:
    """Half of each feature missing, for which the excess is 0, as if it were typical."""
    x = generator.normal(size=(rows, 10))
    return np.where(generator.random(x.shape) < 0.5, x, 0.0)


@pytest.mark.parametrize("draw", [alike, counts, with_gaps])
def test_clean_rows_raise_no_more_alarms_than_the_level(draw: Draw) -> None:
    assert alarms(60, draw) <= 3  # of Binomial(60, 0.01), with probability 0.997


@pytest.mark.parametrize("before", [0, 20])
def test_one_feature_of_sixty_that_contributes_more_is_found(before: int) -> None:
    """At once, and after 10,000 clean rows."""
    generator = np.random.default_rng(1)
    typical = lower_median(generator.chisquare(1, size=(500, 60)))
    batches = [generator.chisquare(1, size=(500, 60)) for _ in range(before + 4)]
    for batch in batches[before:]:
        batch[:, 7] *= 4.0

    found = log_e_values(typical, 500, batches)

    assert max(found[:before], default=0.0) < ALARM
    assert found[-1] >= ALARM


def test_what_is_missing_or_typical_is_not_bet_on() -> None:
    stakes, excess = FeatureTest.start(2), np.array([[0.0, 1e-7], [0.0, -1e-7]])

    after = FeatureTest.of(99).after(stakes, ContributionShift.start(2), 0, excess)

    assert np.ptp(after.log_stakes) == 0
    assert after.log_e_value < 0
