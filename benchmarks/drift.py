"""How often the drift test is wrong, and how soon it is right.

    python -m benchmarks.drift
    python -m benchmarks.drift --data ../shared/data     # the shift of real tables alone

Scores are normal, and a change shifts their mean by some of their standard deviations. Beside the
test of p-values stand, for the first hundred streams, the one of what thirty features contribute
and the one that takes p-values for independent, with the same bets. Each has the level for itself.
"""

import timeit
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.drift_data import real_delays
from model_store.drift import ContributionShift, DriftState, DriftTest
from model_store.feature_drift import FeatureTest

Floats = NDArray[np.float64]

ALARM = np.log(100)
CALIBRATION_ROWS = (200, 1_000, 5_000)
SHIFTS = (0.2, 0.3, 0.5, 1.0)
AT_ONCE = 1_000
NAIVE_REPETITIONS = 100
FEATURES = 30


def main(
    repetitions: int = 300,
    clean_rows: int = 100_000,
    late_row: int = 20_000,
    data: Path | None = None,
) -> None:
    """Print the tables."""
    console = Console()
    if data is not None:
        console.print(real_delays(data))
        return
    console.print(_false_alarms(repetitions, clean_rows))
    console.print(_delays(min(repetitions, 20), late_row))
    console.print(f"{_microseconds():.1f} microseconds a row")


def _false_alarms(repetitions: int, rows: int) -> Table:
    title = f"Alarms in streams of {rows:,} clean rows, level 0.01"
    table = Table("calibration rows", "p-values", f"{FEATURES} features", title=title)
    table.add_column("p-values as if independent")
    for n in CALIBRATION_ROWS:
        seeds = range(repetitions)
        found = sum(_is_false(n, seed, rows) for seed in track(seeds, f"{n}", transient=True))
        naive = sum(_is_false(n, seed, rows, _naive) for seed in seeds[:NAIVE_REPETITIONS])
        moved = sum(_feature_moved(n, seed, rows) for seed in seeds[:NAIVE_REPETITIONS])
        few = len(seeds[:NAIVE_REPETITIONS])
        told = [f"{found} of {repetitions:,}", f"{moved} of {few}", f"{naive} of {few}"]
        table.add_row(f"{n:,}", *told)
    return table


def _is_false(
    n: int, seed: int, rows: int, change: Callable[[DriftTest], DriftTest] = lambda test: test
) -> bool:
    scores, stream = _stream(n, seed)
    return _first_alarm(change(_test(scores)), scores, stream(0, rows)) is not None


def _feature_moved(n: int, seed: int, rows: int) -> bool:
    """Whether there is an alarm of what clean features contribute, squares of correlated noise."""
    generator = np.random.default_rng(seed)
    law = FeatureTest.of(n)
    stakes, shift, seen = law.start(FEATURES), ContributionShift.start(FEATURES), 0
    typical = np.sort(_contributions(generator, n), axis=0)[(n - 1) // 2]
    for _ in range(0, rows, AT_ONCE):
        excess = _contributions(generator, AT_ONCE) - typical
        after = law.after(stakes, shift, seen, excess)
        if after.log_e_value >= ALARM:
            return True
        stakes, shift, seen = after.log_stakes, shift.after(excess), seen + AT_ONCE
    return False


def _contributions(generator: np.random.Generator, rows: int) -> Floats:
    squares: Floats = np.square(
        generator.normal(size=(rows, 1)) + generator.normal(size=(rows, FEATURES))
    )
    return squares


def _delays(repetitions: int, late_row: int) -> Table:
    title = "Rows from the change to the alarm, median (90th percentile); - not within 20,000"
    table = Table("calibration rows", "change after", *map(str, SHIFTS), title=title)
    for n in CALIBRATION_ROWS:
        for clean in (0, late_row):
            cells = [_delay(n, clean, shift, repetitions) for shift in SHIFTS]
            table.add_row(f"{n:,}", f"{clean:,}", *cells)
    return table


def _delay(n: int, clean: int, shift: float, repetitions: int) -> str:
    found = []
    for seed in range(repetitions):
        scores, stream = _stream(n, seed)
        test = _test(scores)
        state = test.start()
        for batch in stream(0, clean):
            state = test.after(state, _p_values(scores, batch))
        row = _first_alarm(test, scores, stream(shift, 20_000), replace(state, log_peak=0.0))
        found.append(np.inf if row is None else row)
    return " ".join(_told(q, found) for q in (0.5, 0.9))


def _told(quantile: float, found: list[float]) -> str:
    rows = float(np.quantile(found, quantile, method="higher"))
    told = f"{rows:,.0f}" if np.isfinite(rows) else "-"
    return told if quantile == 0.5 else f"({told})"


def _first_alarm(
    test: DriftTest, scores: Floats, batches: Iterator[Floats], state: DriftState | None = None
) -> int | None:
    state = state or test.start()
    seen = 0
    for batch in batches:
        p_values = _p_values(scores, batch)
        after = test.after(state, p_values)
        if after.log_peak >= ALARM:
            return seen + _row_of_alarm(test, state, p_values)
        state, seen = after, seen + len(batch)
    return None


def _row_of_alarm(test: DriftTest, state: DriftState, p_values: Floats) -> int:
    """The first row with whom there is an alarm, where there is one with all of them."""
    few, many = 0, len(p_values)
    while many - few > 1:
        middle = (few + many) // 2
        found = test.after(state, p_values[:middle]).log_peak >= ALARM
        few, many = (few, middle) if found else (middle, many)
    return many


def _microseconds() -> float:
    """For a row, of an answer of 256."""
    test = DriftTest.of(np.arange(2, 1_002) / 1_001)
    p_values = np.random.default_rng(0).uniform(0.001, 1, 256)
    return min(timeit.repeat(lambda: test.after(test.start(), p_values), number=1)) / 256 * 1e6


def _stream(n: int, seed: int) -> tuple[Floats, Callable[[float, int], Iterator[Floats]]]:
    """Calibration scores, ascending, and what makes batches of more."""
    generator = np.random.default_rng(seed)
    scores = np.sort(generator.normal(size=n))

    def batches(shift: float, rows: int) -> Iterator[Floats]:
        for start in range(0, rows, AT_ONCE):
            yield generator.normal(shift, size=min(AT_ONCE, rows - start))

    return scores, batches


def _test(scores: Floats) -> DriftTest:
    return DriftTest.of(_p_values(scores, scores))


def _naive(test: DriftTest) -> DriftTest:
    """One for which the bins' probabilities are known, and not learned: an urn of endless balls."""
    return replace(test, balls=test.balls * 1e12)


def _p_values(scores: Floats, rows: Floats) -> Floats:
    p_values: Floats = (1 + len(scores) - np.searchsorted(scores, rows)) / (len(scores) + 1)
    return p_values


if __name__ == "__main__":
    typer.run(main)
