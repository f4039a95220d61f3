"""Two contenders measured in turns, and their ratio with its spread."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

WIDTH = 110


@dataclass(frozen=True)
class Comparison:
    """What was measured in each round, and how good a ratio is aimed at.

    Args:
        name: What was measured, with its unit.
        ours: This project's numbers.
        theirs: The baseline's, round by round.
        goal: The ratio aimed at, ours over theirs.
        more_is_better: Whether the goal is a floor or a ceiling.
    """

    name: str
    ours: Sequence[float]
    theirs: Sequence[float]
    goal: float
    more_is_better: bool = True

    @property
    def ratios(self) -> list[float]:
        """Ours over theirs, of each round."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def meets_goal(self) -> bool:
        """Whether the median of the ratios does."""
        median = statistics.median(self.ratios)
        return median >= self.goal if self.more_is_better else median <= self.goal


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
        sign = ">=" if one.more_is_better else "<="
        table.add_row(
            one.name,
            f"{statistics.median(one.ours):,.4g}",
            f"{statistics.median(one.theirs):,.4g}",
            f"{statistics.median(one.ratios):.2f} ({min(one.ratios):.2f} to {max(one.ratios):.2f})",
            f"{sign} {one.goal:g}",
            "met" if one.meets_goal else "missed",
        )
    Console(width=WIDTH).print(table)
