"""Grey pixels: which likelihood refuses them, and what the one that takes them makes of them."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.real_data.markdown import over_rows, over_seeds, print_table
from benchmarks.real_data.runs import compared, config_of, log_likelihoods, train
from training.data import load_dataset
from training.errors import DataError

NAME = "mnist"
TRAINING_ROWS, HELD_OUT_ROWS = 10_000, 2_000  # of 60,000 and 10,000: minutes, not an hour
EPOCHS = 20
KEYS: dict[str, object] = {"key": "X", "test_key": "X_test"}


def print_grey(data: Path, seeds: Sequence[int]) -> None:
    """One row for each of the two likelihoods."""
    with TemporaryDirectory() as folder:
        source = _subsample(data / f"{NAME}.npz", Path(folder))
        header = ["data", "likelihood", "measure", "nats per image", "bits per dimension"]
        print_table([*header, *(f"nats, seed {seed}" for seed in seeds)], _rows(source, seeds))


def _subsample(archive: Path, folder: Path) -> Path:
    """The first images of each part: they are in no order."""
    with np.load(archive, allow_pickle=False) as arrays:
        parts = {"X": arrays["X"][:TRAINING_ROWS], "X_test": arrays["X_test"][:HELD_OUT_ROWS]}
    source = folder / f"{NAME}.npz"
    np.savez(source, **parts)
    return source


def _rows(source: Path, seeds: Sequence[int]) -> Iterator[list[str]]:
    yield [NAME, "`bernoulli`", f"refused: {_refusal(source)}", *["-"] * (2 + len(seeds))]
    means, columns, dims, measure = [], [], 1, ""
    for seed in seeds:
        with TemporaryDirectory() as store:
            config = compared(
                source, seed, Path(store), **KEYS, likelihood="continuous_bernoulli", epochs=EPOCHS
            )
            trained = train(config)
        scores, dims, measure = log_likelihoods(trained), len(trained.features), trained.measure
        means.append(float(scores.mean()))
        columns.append(over_rows(scores, 1))
    bits = [-mean / (dims * math.log(2)) for mean in means]
    row = [NAME, "`continuous_bernoulli`", measure, over_seeds(means, 1), over_seeds(bits, 3)]
    yield row + columns


def _refusal(source: Path) -> str:
    """What `vae-train` says.

    Raises:
        AssertionError: it says nothing.
    """
    try:
        load_dataset(config_of(source, 0, source.parent, **KEYS, likelihood="bernoulli"))
    except DataError as error:
        return str(error)
    raise AssertionError("Grey pixels were taken for 0 and 1.")
