"""What the processes have seen of a model's p-values, as numbers that they share."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, log

import numpy as np

from app.shared_numbers import Key, Numbers
from model_store.drift import ContributionShift, DriftState, DriftTest, Floats
from model_store.feature_drift import FeatureTest

# The second word is what the numbers mean: others stay unread.
PREFIX = ("drift", "2")

_ROWS, _LOG_E_VALUE, _LOG_PEAK, _OWN_PEAK, _HEAD = 0, 1, 2, 3, 4
_SUMS = 4  # of each feature
_LOG_TESTS = log(2)
_LARGEST_LOG = 700.0  # exp of more is no float64


@dataclass(frozen=True, eq=False)
class DriftTests:
    """What rows are tested with.

    Args:
        p_values: How unusual rows are as a whole.
        features: What their features contribute.
        num_features: How many those are.
    """

    p_values: DriftTest
    features: FeatureTest
    num_features: int

    @property
    def width_of_features(self) -> int:
        """How many bets there are on features."""
        return FeatureTest.width(self.num_features)


class Observed:
    """What one process has seen, written through to the numbers it shares.

    Its e-value is half of that of the p-values or half of that of the features, whichever is more.

    Args:
        tests: Of the model's calibration, for one kind of score.
        numbers: As many as `width` says; all are 0 before the first row.
    """

    def __init__(self, tests: DriftTests, numbers: "Numbers | list[float]") -> None:
        self._tests = tests
        self._values: Floats = np.asarray(numbers, dtype=np.float64)
        start, features = tests.p_values.start(), tests.num_features
        ends = np.cumsum([_HEAD, len(start.counts), len(start.log_stakes), _SUMS * features])
        _, self._counts, self._stakes, sums, gamblers = np.split(self._values, ends)
        self._sums = sums.reshape(_SUMS, features)
        self._gamblers = gamblers.reshape(features, -1)

    @staticmethod
    def width(tests: DriftTests) -> int:
        """How many numbers it takes."""
        start, features = tests.p_values.start(), tests.num_features
        of_p_values = len(start.counts) + len(start.log_stakes)
        return _HEAD + of_p_values + _SUMS * features + tests.width_of_features

    @property
    def state(self) -> DriftState:
        """Of the test."""
        if not self._values[_ROWS]:
            return self._tests.p_values.start()
        return DriftState(self._counts, self._stakes, float(self._values[_OWN_PEAK]))

    @property
    def shift(self) -> ContributionShift:
        """Of the features."""
        return ContributionShift(*self._sums)

    def observe(self, p_values: Floats, excess: Floats) -> None:
        """More rows have come; see `DriftTest.after` and `ContributionShift.after`."""
        if not len(p_values):
            return
        before = self.state
        state = self._tests.p_values.after(before, p_values)
        stakes = self._gamblers if before.rows else FeatureTest.start(self._tests.num_features)
        features = self._tests.features.after(stakes, self.shift, before.rows, excess)
        shift = self.shift.after(excess)
        log_e_value = max(state.log_e_value, features.log_e_value) - _LOG_TESTS
        most = max(state.log_peak, features.log_e_value) - _LOG_TESTS
        log_peak = max(float(self._values[_LOG_PEAK]), most)
        head = (state.rows, log_e_value, log_peak, state.log_peak)
        sums = (shift.rows, shift.above, shift.below, shift.excess)
        parts = (head, state.counts, state.log_stakes, *sums, features.log_stakes.ravel())
        # At once: whoever reads meanwhile sees what was before or what is after.
        self._values[:] = np.concatenate(parts)


@dataclass(frozen=True)
class Evidence:
    """What several processes together know.

    Args:
        rows: That all have seen.
        log_e_value: Log of the mean of their e-values, which is one too, however they depend.
        log_peak: The largest that it is known to have been. It need not have been noticed: where
            one of w processes has reached w times as much, so much was the mean at least.
    """

    rows: int
    log_e_value: float
    log_peak: float

    @classmethod
    def of(cls, seen: Iterable[Iterable[float]], workers: int) -> "Evidence":
        """Of the numbers of those of so many workers that have seen any row."""
        heads = np.array([list(numbers)[:_HEAD] for numbers in seen]).reshape(-1, _HEAD)
        heads = heads[heads[:, _ROWS] > 0]
        idle = workers - len(heads)
        # Before the first row the e-value is 1.
        nothing = log(idle) if idle > 0 else -np.inf
        many = log(max(workers, len(heads)))
        together = np.logaddexp.reduce([nothing, *heads[:, _LOG_E_VALUE]]) - many
        peak = max(float(together), float(heads[:, _LOG_PEAK].max(initial=0.0)) - many)
        return cls(int(heads[:, _ROWS].sum()), float(together), peak)

    @property
    def e_value(self) -> float:
        """The mean itself, or as much of it as a float64 holds."""
        return exp(min(self.log_e_value, _LARGEST_LOG))

    @property
    def peak(self) -> float:
        """The same of the largest."""
        return exp(min(self.log_peak, _LARGEST_LOG))

    def alarm(self, level: float) -> bool:
        """Whether the e-value ever was 1 / level, which without drift has that probability."""
        return self.log_peak >= -log(level)


def key_of(name: str, version: int, digest: str, kind: str) -> Key:
    """Under which a process keeps what it has seen of a version of a model."""
    return (*PREFIX, name, str(version), digest, kind)


def streams(read: Iterable[tuple[Key, list[float]]]) -> dict[Key, list[list[float]]]:
    """All that is kept under such keys, each by one process after the other."""
    found: dict[Key, list[list[float]]] = {}
    for key, numbers in read:
        if key[: len(PREFIX)] == PREFIX:
            found.setdefault(key[len(PREFIX) :], []).append(numbers)
    return found
