"""Tables as the documents hold them."""

import statistics
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A Markdown table, each row as soon as it is there: some take minutes."""
    print()
    _print_row(header)
    _print_row(["---"] * len(header))
    for row in rows:
        _print_row(row)


def over_seeds(values: Sequence[float], digits: int) -> str:
    """Their mean, and between which ends they lie."""
    mean = f"{statistics.fmean(values):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def over_rows(values: NDArray[np.float64], digits: int = 2) -> str:
    """Their mean and its standard error."""
    error = values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():.{digits}f} ± {error:.{digits}f}"


def _print_row(cells: Sequence[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)
