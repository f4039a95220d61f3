"""One table and one seed: what every detector makes of the same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.anomaly.record import Part
from benchmarks.anomaly.references import Detector, Scores
from benchmarks.anomaly.runs import Trial
from benchmarks.page import markdown
from benchmarks.real_data.markdown import over_seeds


@dataclass(frozen=True)
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
        """That of these scores, higher being more anomalous; to the sixth decimal."""
        auroc = roc_auc_score(is_anomaly, scores)
        average_precision = average_precision_score(is_anomaly, scores)
        return cls(round(float(auroc), 6), round(float(average_precision), 6))


OfSet = Sequence[dict[str, Measured]]
"""For each seed, every detector's."""

CONTEST = Part("tables", TypeAdapter(dict[str, Measured]))


def measure(trial: Trial, references: Mapping[str, Detector]) -> dict[str, Measured]:
    """Every score of our model and every reference, by name, on the same halves."""
    scores: dict[str, Scores] = {**trial.scores}
    table, halves = trial.table, trial.halves
    fit, scored = table.one_hot(halves.fit), table.one_hot(halves.scored)
    scores |= {name: detect(fit, scored, trial.seed) for name, detect in references.items()}
    return {name: Measured.of(of_rows, trial.is_anomaly) for name, of_rows in scores.items()}


def detectors(sets: Mapping[str, OfSet]) -> list[str]:
    """Those that were measured, in order."""
    return list(dict.fromkeys(name for seeds in sets.values() for one in seeds for name in one))


def contest_tables(sets: Mapping[str, OfSet]) -> str:
    """Two tables: one row a detector, one column a set, and the mean over the sets."""
    titles = {"AUROC": "auroc", "average precision": "average_precision"}
    return "\n\n".join(_table(title, quantity, sets) for title, quantity in titles.items()).strip()


def _table(title: str, quantity: str, sets: Mapping[str, OfSet]) -> str:
    rows = []
    for detector in detectors(sets):
        values = [[float(getattr(s[detector], quantity)) for s in seeds] for seeds in sets.values()]
        # The mean over the sets, for each seed.
        means = [sum(of_seed) / len(of_seed) for of_seed in zip(*values, strict=True)]
        cells = [f"{sum(of_set) / len(of_set):.3f}" for of_set in values]
        rows.append([detector, over_seeds(means, 4), *cells])
    return markdown([title, "mean of sets", *sets], rows)
