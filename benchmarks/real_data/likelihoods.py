"""Likelihoods of the same kind of number, compared row by row on the same held-out rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.real_data.markdown import over_rows, over_seeds, print_table
from benchmarks.real_data.runs import compared, log_likelihoods, train

ARRAY = "X"  # the rows of each archive
Flags = dict[str, object]


@dataclass(frozen=True)
class Contest:
    """Likelihoods trained on one set.

    Args:
        name: Of the file, without its ending.
        baseline: Flags of the likelihood that the others are compared with.
        others: Flags of the others.
    """

    name: str
    baseline: Flags
    others: tuple[Flags, ...]


CONTESTS = {
    "counts": Contest(
        "counts_pbmc68k",
        {"likelihood": "poisson"},
        (
            {"likelihood": "negative_binomial"},
            {"likelihood": "negative_binomial", "zero_inflation": True},
        ),
    ),
    "optdigits": Contest(
        "optdigits_8x8", {"likelihood": "discretized_logistic"}, ({"likelihood": "categorical"},)
    ),
}


def print_contest(contest: Contest, data: Path, seeds: Sequence[int]) -> None:
    """One row a likelihood; all are probabilities of the same rows, so they can be compared."""
    header = ["data", "likelihood", "log-likelihood", "bits per dimension"]
    differences = [f"more than `{contest.baseline['likelihood']}`, seed {seed}" for seed in seeds]
    print_table([*header, *differences], _rows(contest, data, seeds))


def _rows(contest: Contest, data: Path, seeds: Sequence[int]) -> Iterator[list[str]]:
    baseline: list[NDArray[np.float64]] = []
    for flags in (contest.baseline, *contest.others):
        scores, dims = _scores(data / f"{contest.name}.npz", flags, seeds)
        means = [float(of_seed.mean()) for of_seed in scores]
        bits = [-mean / (dims * np.log(2)) for mean in means]
        row = [contest.name, _named(flags), over_seeds(means, 2), over_seeds(bits, 3)]
        pairs = zip(scores, baseline, strict=True) if baseline else ()
        yield row + ([over_rows(ours - theirs) for ours, theirs in pairs] or ["-"] * len(seeds))
        baseline = baseline or scores


def _scores(
    source: Path, flags: Flags, seeds: Sequence[int]
) -> tuple[list[NDArray[np.float64]], int]:
    """Log-likelihood of every held-out row by seed, and how many features a row has."""
    scores, dims = [], 0
    for seed in seeds:
        with TemporaryDirectory() as store:
            trained = train(compared(source, seed, Path(store), key=ARRAY, **flags))
            scores.append(log_likelihoods(trained))
            dims = len(trained.features)
    return scores, dims


def _named(flags: Flags) -> str:
    zeros = ", zero-inflated" if flags.get("zero_inflation") else ""
    return f"`{flags['likelihood']}`{zeros}"
