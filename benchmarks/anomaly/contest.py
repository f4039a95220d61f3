"""One table and one seed: what every detector makes of the same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.anomaly.references import Detector, Scores
from benchmarks.anomaly.runs import Trial
from benchmarks.real_data.markdown import over_seeds, print_table


@dataclass(frozen=True, repr=False)
class Measured:
    """How well a score tells anomalies from normal rows.

    Args:
        auroc: How often an anomaly scores higher than a normal row (Hanley & McNeil, 1982).
        average_precision: Precision, averaged over the recalls.
    """

    auroc: float
    average_precision: float

    @classmethod
    def of(cls, scores: Scores, is_anomaly: NDArray[np.bool_]) -> "Measured":
        """That of these scores, higher being more anomalous."""
        return cls(
            float(roc_auc_score(is_anomaly, scores)),
            float(average_precision_score(is_anomaly, scores)),
        )

    def __repr__(self) -> str:
        """Both, in short."""
        return f"{self.auroc:.4f}/{self.average_precision:.4f}"


OfSet = Sequence[Mapping[str, Measured]]
"""For each seed, every detector's."""


def measure(trial: Trial, references: Mapping[str, Detector]) -> dict[str, Measured]:
    """Every score of our model and every reference, by name, on the same halves."""
    scores: dict[str, Scores] = {**trial.scores}
    table, halves = trial.table, trial.halves
    fit, scored = table.one_hot(halves.fit), table.one_hot(halves.scored)
    scores |= {name: detect(fit, scored, trial.seed) for name, detect in references.items()}
    return {name: Measured.of(of_rows, trial.is_anomaly) for name, of_rows in scores.items()}


def print_contest(sets: Mapping[str, OfSet]) -> None:
    """Two tables: one row a detector, one column a set, and the mean over the sets."""
    _print("AUROC", "auroc", sets)
    _print("average precision", "average_precision", sets)


def _print(title: str, quantity: str, sets: Mapping[str, OfSet]) -> None:
    detectors = list(next(iter(sets.values()))[0])
    rows = []
    for detector in detectors:
        values = [[float(getattr(s[detector], quantity)) for s in seeds] for seeds in sets.values()]
        # The mean over the sets, for each seed.
        means = [sum(of_seed) / len(of_seed) for of_seed in zip(*values, strict=True)]
        cells = [f"{sum(of_set) / len(of_set):.3f}" for of_set in values]
        rows.append([detector, over_seeds(means, 4), *cells])
    print_table([title, "mean of sets", *sets], rows)
