"""The columns that an answer adds to those that came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.bulk.scoring import Verdicts

_VERDICT: Mapping[str, type] = {"score": float, "p_value": float, "is_anomaly": bool, "note": str}
# What is said of a feature that makes a row unusual, as in the service's tables.
_TOP: Mapping[str, type] = {
    "feature": str,
    "contribution_nats": float,
    "expected": str,
    "standard_deviation": float,
}


@dataclass(frozen=True)
class Added:
    """Columns with the verdict on each row, and with the features that it is due to.

    Args:
        kinds: What they hold, by their names.
        explain: How many features are named.
    """

    kinds: Mapping[str, type]
    explain: int

    @staticmethod
    def beside(taken: Sequence[str], explain: int) -> "Added":
        """Beside columns of these names: `score`, or where that is taken `score_2`."""
        kinds: dict[str, type] = {}
        for name, kind in (*_VERDICT.items(), *_tops(explain).items()):
            free, number = name, 1
            while free in taken or free in kinds:
                number += 1
                free = f"{name}_{number}"
            kinds[free] = kind
        return Added(kinds, explain)

    def cells(self, verdicts: Verdicts) -> list[list[Any]]:
        """What they hold, None where there is nothing to say."""
        rows = range(len(verdicts.score))
        scores: list[float | None] = verdicts.score.tolist()
        for row in verdicts.notes:
            scores[row] = None
        notes = [verdicts.notes.get(row) for row in rows]
        columns = [scores, verdicts.p_value.tolist(), verdicts.is_anomaly.tolist(), notes]
        for place in range(self.explain):
            # Of a row with gaps there may be fewer.
            said = [e[place] if place < len(e) else {} for e in verdicts.explanations]
            columns += [
                [_cell(each.get(name), kind) for each in said] for name, kind in _TOP.items()
            ]
        return columns


def _tops(explain: int) -> Mapping[str, type]:
    places = ["top", *(f"top_{place}" for place in range(2, explain + 1))][:explain]
    return {f"{place}_{name}": kind for place in places for name, kind in _TOP.items()}


def _cell(value: object, kind: type) -> object:
    # An expected value is a number, or the name of a category.
    return str(value) if kind is str and value is not None else value
