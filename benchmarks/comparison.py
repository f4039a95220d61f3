"""Two contenders measured in turns, and their ratio with its spread."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

WIDTH = 110
# Rows per second within 15 % of the middle, on both sides of it.
FLAT = 0.85 / 1.15


@dataclass(frozen=True)
class Comparison:
    """What was measured in each round, and how good a ratio is aimed at.

    Args:
        name: What was measured, with its unit.
        ours: This project's numbers.
        theirs: The baseline's, round by round.
        goal: The ratio aimed at, ours over theirs; none where two are only compared.
        moonshot: A ratio that would be better still.
        more_is_better: Whether the goal is a floor or a ceiling.
    """

    name: str
    ours: Sequence[float]
    theirs: Sequence[float]
    goal: float | None = None
    more_is_better: bool = True
    moonshot: float | None = None

    @property
    def ratios(self) -> list[float]:
        """Ours over theirs, of each round."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def median(self) -> float:
        """Of the ratios."""
        return statistics.median(self.ratios)

    @property
    def verdict(self) -> str:
        """What the median of the ratios reaches: the goal, the moonshot, or neither."""
        if self.goal is None:
            return ""
        if not self._reaches(self.goal):
            return "missed"
        far = self.moonshot is not None and self._reaches(self.moonshot)
        return "moonshot" if far else "met"

    def _reaches(self, ratio: float) -> bool:
        return self.median >= ratio if self.more_is_better else self.median <= ratio


def in_turns(
    ours: Callable[[], float], theirs: Callable[[], float], *, rounds: int
) -> tuple[list[float], list[float]]:
    """Each measured once in every round, so that a drift of the machine falls on both.

    A first turn of each is not counted: imports, caches and thread pools fill up in it.
    """
    ours()
    theirs()
    measured = [(ours(), theirs()) for _ in range(rounds)]
    return [pair[0] for pair in measured], [pair[1] for pair in measured]


def print_comparisons(comparisons: Iterable[Comparison]) -> None:
    """A table of medians; ratios with their smallest and largest."""
    table = Table("", "this project", "baseline", "ratio (min to max)", "goal", "", box=None)
    for one in comparisons:
        table.add_row(one.name, *cells_of(one), one.verdict)
    Console(width=WIDTH).print(table)


def cells_of(one: Comparison) -> tuple[str, str, str, str]:
    """Ours, theirs, the ratio with its spread, and the goal, as they are read in a table."""
    sign = "≥" if one.more_is_better else "≤"
    return (
        f"{statistics.median(one.ours):,.4g}",
        f"{statistics.median(one.theirs):,.4g}",
        f"{one.median:.2f} ({min(one.ratios):.2f} to {max(one.ratios):.2f})",
        "" if one.goal is None else f"{sign} {one.goal:g}",
    )
