"""Whether each feature still contributes to the scores what it did in the calibration.

A change of few features among many hardly moves the p-values of whole rows. What one feature
contributes lies above or below its median among the calibration rows, as draws from Pólya's urn do
that begins with a ball for each of the n + 1 cells between them; see `drift`. Each feature has a
gambler of its own, who bets on that at the odds of the urn.

The capital of a gambler is a martingale by what that gambler sees, and not by what all see:
features depend on each other, and each knows a little of the calibration that others do not. So
their mean is no test martingale, and may not keep the level where one looks time and again (Choe &
Ramdas, 2024, arXiv:2402.09698). The largest does, once it is divided by their number: the chances
of a false alarm add up to the level at most.
"""

from dataclasses import dataclass

import numpy as np

from model_store.drift import ContributionShift, Floats, left_unspent, sides

# The share of bets on what is above the median, over that of bets below: 1 + height to 1 - height.
_HEIGHTS = np.array([0.2, -0.2, 0.6, -0.6])
# A feature counts as long as this share of its contributions is there and not just what is typical:
# with fewer, it is not known how many cells the calibration has.
_FEWEST = 0.99


@dataclass(frozen=True, eq=False)
class FeatureStakes:
    """What gamblers have.

    Args:
        log_stakes: Log of the capital on each bet, as a share of that of all, (features, bets).
        log_e_value: Log of the capital of the richest as such a share, which is an e-value.
    """

    log_stakes: Floats
    log_e_value: float


@dataclass(frozen=True)
class FeatureTest:
    """A sequential test of "no feature contributes more or less than among calibration rows".

    Args:
        below: Cells of the calibration up to the median of a feature's contributions.
        above: Cells beyond it.
    """

    below: float
    above: float

    @classmethod
    def of(cls, rows: int) -> "FeatureTest":
        """The test where medians are those of so many rows, the lower one of two."""
        below = (rows - 1) // 2 + 1
        return cls(float(below), float(rows + 1 - below))

    @staticmethod
    def width(features: int) -> int:
        """How many bets there are on so many features."""
        return features * len(_HEIGHTS)

    @staticmethod
    def start(features: int) -> Floats:
        """The stakes before any row has come."""
        return np.full((features, len(_HEIGHTS)), np.log(0.5 / FeatureTest.width(features)))

    def after(
        self, stakes: Floats, shift: ContributionShift, rows: int, excess: Floats
    ) -> FeatureStakes:
        """What gamblers have when more rows have come, at least one.

        Args:
            stakes: `FeatureStakes.log_stakes` before them.
            shift: What has been seen before them.
            rows: How many rows those were.
            excess: Of the rows; see `ContributionShift.after`.
        """
        is_above, is_below = sides(excess)
        above = shift.above + is_above.cumsum(axis=0) - is_above
        below = shift.below + is_below.cumsum(axis=0) - is_below
        more, less = self.above + above, self.below + below
        # No bet on what is missing or just typical.
        lean = (is_above | is_below) * (more - less) / (more + less)
        fair = np.stack([np.log1p(height * lean).sum(axis=0) for height in _HEIGHTS], axis=1)
        won = np.log1p(_HEIGHTS) * is_above.sum(axis=0)[:, None]
        lost = np.log1p(-_HEIGHTS) * is_below.sum(axis=0)[:, None]
        unspent, left = left_unspent(np.array([rows, rows + len(excess)], dtype=np.float64))
        added = np.log((unspent - left) / stakes.size)
        grown = np.logaddexp(stakes, added) + won + lost - fair
        counted = (is_above | is_below).sum(axis=0) + shift.rows >= _FEWEST * (rows + len(excess))
        log_capital = np.logaddexp.reduce(grown, axis=1)
        best = float(log_capital.max(initial=-np.inf, where=counted))
        return FeatureStakes(grown, float(np.logaddexp(best, np.log(left / len(stakes)))))
