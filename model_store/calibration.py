"""What a score means: its place among the scores of held-out rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from model_store.vae.anomaly import (
    SCORE_KINDS,
    AnomalyStatistics,
    Baseline,
    Reference,
    ScoreKind,
    anomaly_statistics,
)
from model_store.vae.anomaly.baseline import below_rounding, medians, observed_contributions
from model_store.vae.anomaly.reference import MAX_REFERENCE_ROWS
from model_store.vae.model import VAE

__all__ = [
    "SCORE_KINDS",
    "Calibration",
    "ScoreKind",
    "calibrate",
    "conformal_p_values",
    "recalibrate",
]

DEFAULT_SAMPLES = 16

MAX_BASELINE_ROWS = 2_048
"""Rows that tell what is usual; more tell no more of it."""

MEDIAN_ROWS = 2_048
"""Calibration rows that medians of contributions are those of, and rows scored at once."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """What scores mean: those of rows that neither trained nor selected the model.

    Args:
        num_samples: Draws of z that its scores were made with; others must be made with as many.
        seed: Of these draws.
        reference: What rows are compared with.
        baseline: What scores are joined with.
        typical: Median contribution of each feature among the calibration rows, in nats.
        ascending: Their scores of each kind, sorted, each (rows,) and float64.
    """

    num_samples: int
    seed: int
    reference: Reference
    baseline: Baseline
    typical: Tensor
    ascending: Mapping[ScoreKind, Tensor]

    @cached_property
    def rows(self) -> int:
        """How many rows it was made of."""
        return len(self.ascending["elbo"])

    @property
    def smallest_rate(self) -> float:
        """1 / (n + 1): the smallest p-value, and false-positive rate, that n rows can tell."""
        return 1 / (self.rows + 1)

    def statistics(self, vae: VAE, x: Tensor) -> AnomalyStatistics:
        """Those of rows in data units, made as the calibration rows' were."""
        return anomaly_statistics(
            vae, x, reference=self.reference, num_samples=self.num_samples, seed=self.seed
        )

    def scores(self, statistics: AnomalyStatistics) -> Mapping[ScoreKind, Tensor]:
        """Every score of each row, (rows,) and float64, higher being more unusual.

        See `Baseline.scores` for what each is.
        """
        return self.baseline.scores(statistics)

    def p_values(self, kind: ScoreKind, scores: Tensor) -> Tensor:
        """Conformal p-values of these scores, (rows,) and float64; see `conformal_p_values`."""
        return conformal_p_values(self.ascending[kind], scores)

    def threshold(self, kind: ScoreKind, rate: float) -> float:
        """The score that a row must exceed to be flagged at this false-positive rate.

        Flagged is what has a p-value of at most the rate: of n calibration rows, fewer than
        rate (n + 1) score as high or higher. That is a score above the k-th largest of them, k
        being the whole part of rate (n + 1).

        Raises:
            ValueError: the rate is not between `smallest_rate` and 1.
        """
        # 0.07 * 100 is a little above 7, and 0.29 * 100 a little below 29.
        k = int(rate * (self.rows + 1) + 1e-9)
        if not 1 <= k <= self.rows + 1:
            raise ValueError(
                f"A rate of {rate:g} was asked for; {self.rows} calibration rows tell rates "
                f"from {self.smallest_rate:.3g} to 1."
            )
        if k > self.rows:  # every row is flagged
            return float("-inf")
        return float(self.ascending[kind][self.rows - k])


def calibrate(
    vae: VAE,
    rows: Tensor,
    reference_rows: Tensor,
    baseline_rows: Tensor | None = None,
    *,
    num_samples: int = DEFAULT_SAMPLES,
    seed: int = 0,
) -> Calibration:
    """What the scores of these rows are.

    Args:
        vae: The model.
        rows: Rows in data units that neither trained nor selected it.
        reference_rows: Training rows, of which the first 2,048 are compared with.
        baseline_rows: Rows that tell what is usual, which may have selected the model but must not
            calibrate it; the reference rows, which it knows too well, if there are none.
        num_samples: Draws of z for each row.
        seed: Of these draws.

    Raises:
        ShapeError, SupportError: rows that do not fit the model.
        ValueError: there are no rows.
    """
    reference = Reference.of(vae, reference_rows)
    usual = reference_rows if baseline_rows is None else baseline_rows
    held_out, training = (
        anomaly_statistics(vae, x, reference=reference, num_samples=num_samples, seed=seed)
        for x in (usual[:MAX_BASELINE_ROWS], reference_rows[:MAX_REFERENCE_ROWS])
    )
    baseline = Baseline.of(held_out, training)
    empty = Calibration(num_samples, seed, reference, baseline, baseline.typical, {})
    return recalibrate(vae, rows, empty)


def recalibrate(vae: VAE, rows: Tensor, calibration: Calibration) -> Calibration:
    """The same scores, calibrated by other rows.

    Raises:
        ShapeError, SupportError: rows that do not fit the model.
        ValueError: there are no rows.
    """
    if not len(rows):
        raise ValueError("Calibration needs at least one row; got none.")
    # The first rows tell what is typical as well as all of them would.
    first, *others = rows.split(MEDIAN_ROWS)
    statistics = calibration.statistics(vae, first)
    typical = medians(observed_contributions(statistics))
    parts = [calibration.scores(statistics)]
    parts += [calibration.scores(calibration.statistics(vae, block)) for block in others]
    ascending = {kind: torch.cat([p[kind] for p in parts]).sort().values for kind in SCORE_KINDS}
    return replace(calibration, typical=typical, ascending=ascending)


def conformal_p_values(calibration: Tensor, scores: Tensor) -> Tensor:
    """(1 + #{calibration >= score}) / (n + 1) of each score, higher being more anomalous.

    Where the score's row is exchangeable with the n calibration rows, the chance of a p-value of at
    most a is at most a, whatever the scores' distribution (Vovk et al., 2005; Bates et al., 2023,
    arXiv:2104.08279). It is never 0, so no rate below 1 / (n + 1) can be asked for. Ties count
    against the alarm, and so does what differs by no more than rounding. A score that is no number
    has the smallest p-value.

    Args:
        calibration: Scores of rows that neither trained nor selected the model, shape (n,).
        scores: Shape (rows,).

    Returns:
        Shape (rows,), float64.

    Raises:
        ValueError: there are no calibration scores, or one is NaN.
    """
    n = len(calibration)
    if n == 0 or bool(calibration.isnan().any()):
        came = "NaN among them" if n else "none"
        raise ValueError(
            f"Conformal p-values need calibration scores that are numbers; got {came}."
        )
    ascending = calibration.double().sort().values
    below = torch.searchsorted(ascending, below_rounding(scores.double()), side="left")
    return (1 + n - below).double() / (n + 1)
