"""Whether the rows that come are still like those that the model was calibrated with.

Where nothing has changed, conformal p-values are uniform, but not independent: all of them are
compared with the same n calibration rows, and deviate from uniform by 1 / sqrt(n) for ever. A test
that takes them for independent is sure to raise an alarm in the end. Their law is known all the
same: calibration rows cut the line into n + 1 cells, whose probabilities are Dirichlet(1, …, 1), so
the cells that rows fall into are draws from Pólya's urn: it begins with a ball for each cell, and
gets one more of whichever is drawn. Cells taken together to bins are such an urn as well.

The test bets on the bin of the next row, at the odds of that urn. Nobody gains by this on average,
whatever the bets: the capital is a test martingale (Vovk, Nouretdinov & Gammerman, 2003, "Testing
exchangeability on-line"; Vovk, 2021, "Testing randomness online", arXiv:1906.09256). It is an
e-value whenever one looks: the chance that 1 ever becomes 1 / a is at most a (Ville's inequality).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Of the bins: fine where alarms are, and at the other end.
_EDGES = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4),
    *(0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0),
)
# In a bin, where a larger share of the scores has equals.
_FEWEST_BALLS, _DIFFERENT = 20, 0.99
# Vovk's power bets, of density power * p ** (power - 1): the last is for rows that are all a little
# more unusual. Those on a share of the rows are for few that are very much so.
_POWERS = (0.5, 0.75, 0.875, 0.9375)
_SHARES, _SHARES_POWER = (0.02, 0.1), 0.1
# How far bets go on p-values that are neither small nor large.
_HEIGHTS = (0.25, 0.75)
# Half of the capital is bet at once, half of the rest within 1,718 rows, and then ever more slowly:
# whenever a change comes, there is some left to bet on it.
_ROWS = 1000.0

ROUNDING = 1e-5
"""Nats by which the contribution of equal rows may differ, which then is just what is typical."""


@dataclass(frozen=True, eq=False)
class DriftState:
    """What a test has seen.

    Args:
        counts: Rows in each bin, shape (bins,).
        log_stakes: Log of the capital on each bet, shape (bets,).
        log_peak: The largest log e-value so far.
    """

    counts: Floats
    log_stakes: Floats
    log_peak: float

    @property
    def rows(self) -> int:
        """How many rows have come."""
        return int(self.counts.sum())

    @property
    def log_e_value(self) -> float:
        """Log of the capital, of which 1 was there at the start."""
        staked = _log_sum(self.log_stakes)
        return float(np.logaddexp(staked, np.log(left_unspent(self.counts.sum()))))


@dataclass(frozen=True, eq=False)
class DriftTest:
    """A sequential test of "the rows are exchangeable with those of the calibration".

    Args:
        edges: The largest p-value in each bin, ascending, shape (bins,).
        balls: Cells of the calibration in each bin, which is Pólya's urn at the start.
    """

    edges: Floats
    balls: Floats

    @classmethod
    def of(cls, p_values: Floats) -> "DriftTest":
        """The test for a calibration, from the p-values that it gives its own rows.

        Equal scores have equal p-values, so they are never in two bins. The urn is exact where no
        scores are equal, and right to within a ball where many are: then bins have many balls.

        Args:
            p_values: Of the n rows of the calibration, shape (n,).
        """
        # As if there were another row, more unusual than all of them.
        every = np.append(p_values, 1 / (len(p_values) + 1))
        different = len(np.unique(every)) > _DIFFERENT * len(every)
        fewest = 1 if different else _FEWEST_BALLS
        edges = _merged(np.array(_EDGES), _histogram(np.array(_EDGES), every), fewest)
        return cls(edges, _histogram(edges, every))

    def start(self) -> DriftState:
        """The state before any row has come."""
        bets = len(self._densities)
        return DriftState(np.zeros(len(self.balls)), np.full(bets, np.log(0.5 / bets)), 0.0)

    def after(self, state: DriftState, p_values: Floats) -> DriftState:
        """The state when more rows have come; that they come at once makes no difference.

        Args:
            state: Before them.
            p_values: Theirs, in (0, 1], in the order in which they came.
        """
        if not len(p_values):
            return state
        bins = np.searchsorted(self.edges, p_values)
        drawn = np.zeros((len(bins), len(self.balls)))
        drawn[np.arange(len(bins)), bins] = 1
        counts = state.counts + drawn.cumsum(axis=0)
        urns = self.balls + counts - drawn
        fair = urns @ self._densities.T / urns.sum(axis=1, keepdims=True)
        log_gains = np.log(self._densities.T[bins] / fair)
        log_stakes = _staked(state, log_gains)
        log_unspent = np.log(left_unspent(state.rows + np.arange(1, len(bins) + 1)))
        log_e_values = np.logaddexp(_log_sum(log_stakes), log_unspent)
        peak = max(state.log_peak, float(log_e_values.max()))
        return DriftState(counts[-1], log_stakes[-1], peak)

    def distance(self, counts: Floats) -> float:
        """Kolmogorov and Smirnov's: how far the shares up to an edge are from those expected."""
        shares = counts.cumsum() / counts.sum()
        return float(np.abs(shares - self.balls.cumsum() / self.balls.sum()).max())

    @cached_property
    def _densities(self) -> Floats:
        """What each bet pays in each bin, if p-values are uniform: (bets, bins), of mean 1."""
        u = np.append(0.0, self.balls.cumsum()) / self.balls.sum()
        laws = []
        for power in _POWERS:
            small, large = u**power, 1 - (1 - u) ** power
            laws += [small, large, (small + large) / 2]
        laws += [(1 - share) * u + share * u**_SHARES_POWER for share in _SHARES]
        laws += [u + height * (3 * u**2 - 2 * u**3 - u) for height in _HEIGHTS]
        densities: Floats = np.diff(laws) / np.diff(u)
        return densities


@dataclass(frozen=True, eq=False)
class ContributionShift:
    """How the contributions of features to the scores have moved, all of shape (features,).

    Args:
        rows: In how many rows the feature was there, and contributed not just what is typical.
        above: In how many it contributed more than is typical.
        below: In how many less.
        excess: Sum of contributions less what is typical, in nats.
    """

    rows: Floats
    above: Floats
    below: Floats
    excess: Floats

    @classmethod
    def start(cls, features: int) -> "ContributionShift":
        """Before any row has come."""
        return cls(*np.zeros((4, features)))

    @classmethod
    def sum(cls, shifts: Iterable["ContributionShift"]) -> "ContributionShift":
        """Of streams of rows, what they are together; of at least one."""
        parts = [(shift.rows, shift.above, shift.below, shift.excess) for shift in shifts]
        return cls(*np.sum(parts, axis=0))

    def after(self, excess: Floats) -> "ContributionShift":
        """When more rows have come.

        Args:
            excess: What the features of these rows contribute, less the median contribution of the
                feature in the calibration; 0 where missing, (rows, features).
        """
        above, below = (side.sum(axis=0) for side in sides(excess))
        return ContributionShift(
            self.rows + above + below,
            self.above + above,
            self.below + below,
            self.excess + excess.sum(axis=0),
        )

    def z(self, calibration_rows: int) -> Floats:
        """How surprising it is, in standard deviations; positive where more than is typical.

        Nothing has changed: at most half of all rows are above the median, and at most half below.
        The median is that of n rows, so of N rows N / 2 are above it with the variance of an urn,
        N / 4 (n + 1 + N) / (n + 2).
        """
        half, n = self.rows / 2, calibration_rows
        beyond = np.maximum(self.above - half, 0) - np.maximum(self.below - half, 0)
        variance = half / 2 * (n + 1 + self.rows) / (n + 2)
        return beyond / np.sqrt(np.maximum(variance, 0.25))


def sides(excess: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each contribution is more than what is typical, and whether less; see `ROUNDING`."""
    return excess > ROUNDING, excess < -ROUNDING


def _staked(state: DriftState, log_gains: Floats) -> Floats:
    """Log of the capital on each bet after each row: it gains, and gets some of what is unspent."""
    unspent = left_unspent(state.rows + np.arange(len(log_gains) + 1))
    added = np.log(-np.diff(unspent)[:, None] / log_gains.shape[1])
    so_far = log_gains.cumsum(axis=0)
    # What is added before a row gains by it too: in units of the gains from the first row on.
    before = added - (so_far - log_gains)
    together = np.logaddexp.accumulate(np.vstack([state.log_stakes, before]))[1:]
    grown: Floats = so_far + together
    return grown


def left_unspent(rows: Floats | NDArray[np.int64]) -> Floats:
    """The share of the capital that has not been bet on anything after so many rows."""
    left: Floats = 0.5 / (1 + np.log1p(rows / _ROWS))
    return left


def _log_sum(logs: Floats) -> Floats:
    """Log of the sum of exponentials over the last axis."""
    largest = logs.max(axis=-1)
    total: Floats = largest + np.log(np.exp(logs - largest[..., None]).sum(axis=-1))
    return total


def _merged(edges: Floats, balls: Floats, fewest: int) -> Floats:
    """The edges of bins that have so many balls each; the last takes what is left, too."""
    kept: list[float] = []
    begun = 0
    for edge, count in zip(edges, balls.cumsum(), strict=True):
        if count - begun >= fewest and balls.sum() - count >= fewest:
            kept.append(edge)
            begun = count
    return np.array([*kept, edges[-1]])


def _histogram(edges: Floats, values: Floats) -> Floats:
    return np.bincount(np.searchsorted(edges, values), minlength=len(edges)).astype(np.float64)
