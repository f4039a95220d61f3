"""What is seen of p-values: put aside, shared, and kept on disk."""

import logging
import math
from pathlib import Path

import numpy as np
import pytest

from app.drift_file import DriftFile
from app.observed import DriftTests, Evidence, Observed
from model_store.drift import ContributionShift, DriftTest
from model_store.feature_drift import FeatureTest

TEST = DriftTest.of(np.arange(2, 101) / 100)
TESTS = DriftTests(TEST, FeatureTest.of(99), 2)
SEEN = {("drift", "2", "m", "1", "abc", "combined"): [1.0, 0.1, 1 / 3, -1e300]}


def observed(*batches: list[float]) -> Observed:
    """By a process that has seen these p-values of rows with two features."""
    seen = Observed(TESTS, [0.0] * Observed.width(TESTS))
    for p_values in batches:
        seen.observe(np.array(p_values), np.ones((len(p_values), 2)))
    return seen


def head(rows: int, log_e_value: float, log_peak: float) -> list[float]:
    return [float(rows), log_e_value, log_peak, 0.0, 0.0]


def test_what_is_observed_is_what_the_test_says() -> None:
    seen = observed([0.01, 0.5], [0.3])
    once = TEST.after(TEST.start(), np.array([0.01, 0.5, 0.3]))

    np.testing.assert_array_equal(seen.state.counts, once.counts)
    assert seen.state.log_e_value == pytest.approx(once.log_e_value, abs=1e-12)
    assert seen.state.log_peak == pytest.approx(once.log_peak, abs=1e-12)
    np.testing.assert_array_equal(seen.shift.above, [3, 3])


def test_the_numbers_are_all_that_is_known() -> None:
    numbers = np.zeros(Observed.width(TESTS))
    Observed(TESTS, memoryview(numbers)).observe(np.array([0.01, 0.5]), np.ones((2, 2)))

    again = Observed(TESTS, numbers.tolist())

    np.testing.assert_array_equal(again.state.log_stakes, observed([0.01, 0.5]).state.log_stakes)
    np.testing.assert_array_equal(again.shift.rows, [2, 2])


@pytest.mark.parametrize("moved", [0, 1])
def test_the_e_value_is_half_of_the_larger_one_of_two(moved: int) -> None:
    """Of many small p-values, or of a feature that always contributes more."""
    numbers = np.zeros(Observed.width(TESTS))
    generator = np.random.default_rng(0)
    p_values = generator.uniform(0.01, 0.1 if moved == 0 else 1.0, 200)
    excess = generator.normal([0.0, 5.0 * moved], size=(200, 2))

    Observed(TESTS, memoryview(numbers)).observe(p_values, excess)

    of_p_values = TEST.after(TEST.start(), p_values).log_e_value
    nothing = ContributionShift.start(2)
    of_features = TESTS.features.after(FeatureTest.start(2), nothing, 0, excess).log_e_value
    larger = (of_p_values, of_features)[moved]
    assert larger == max(of_p_values, of_features) > 10
    assert Evidence.of([numbers.tolist()], workers=1).log_e_value == pytest.approx(
        larger - math.log(2)
    )


def test_the_evidence_of_several_is_the_mean_of_their_e_values() -> None:
    evidence = Evidence.of([head(5, math.log(10), 3.0), head(7, math.log(2), 1.0)], workers=2)

    assert evidence.rows == 12
    assert evidence.e_value == pytest.approx(6)


def test_one_that_has_seen_nothing_has_an_e_value_of_1() -> None:
    evidence = Evidence.of([head(5, math.log(10), 2.0), head(0, 0.0, 0.0)], workers=4)

    assert evidence.e_value == pytest.approx((10 + 1 + 1 + 1) / 4)


def test_nobody_has_seen_anything() -> None:
    evidence = Evidence.of([], workers=2)

    assert (evidence.rows, evidence.e_value, evidence.peak) == (0, 1, 1)
    assert not evidence.alarm(0.01)


def test_where_one_alone_had_enough_for_all_it_stays_an_alarm() -> None:
    one, other = head(5, 0.0, math.log(201)), head(7, 0.0, 0.0)

    assert Evidence.of([one, other], workers=2).alarm(0.01)
    assert not Evidence.of([one, other], workers=4).alarm(0.01)


def test_evidence_beyond_the_largest_number_is_a_number() -> None:
    assert math.isfinite(Evidence.of([head(5, 1e6, 1e6)], workers=1).e_value)


def test_a_file_keeps_every_number(tmp_path: Path) -> None:
    DriftFile(tmp_path / "a/b", 3).read()
    DriftFile(tmp_path / "a/b", 3).write(SEEN)

    assert DriftFile(tmp_path / "a/b", 3).read() == SEEN
    assert DriftFile(tmp_path / "a/b", 2).read() == {}


@pytest.mark.parametrize("cut", range(0, 150, 7))
def test_a_cut_file_is_nothing_and_says_so(
    tmp_path: Path, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    file = DriftFile(tmp_path, 0)
    file.write(SEEN)
    path = tmp_path / "worker-0.json"
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole[:-1][:cut])

    assert file.read() == {}
    assert "worker-0.json is damaged" in caplog.text


def test_a_folder_that_cannot_be_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "taken").write_text("a file")
    file = DriftFile(tmp_path / "taken", 0)

    with caplog.at_level(logging.WARNING):
        assert file.read() == {}
        file.write(SEEN)
        file.write(SEEN)

    assert caplog.text.count("cannot be read") == 1
    assert caplog.text.count("cannot be written") == 1
