"""What choices that `vae-train` makes are worth, in nats per held-out row.

    python -m benchmarks.defaults --data FOLDER [--seeds 3]

FOLDER holds `ad_pageblocks.npz`. Prints the tables of docs/training.md, in a quarter of an hour.
"""

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.anomaly.tables import read_table
from benchmarks.real_data.markdown import over_rows, print_table
from benchmarks.real_data.runs import compared, log_likelihoods, train

Flags = Mapping[str, object]

NO_DROPOUT: Flags = {"input_dropout": 0.0}
DROPOUT: Flags = {"input_dropout": 0.15}
FLOORS: Mapping[str, Flags] = {
    f"floor e^{power:g}": {**NO_DROPOUT, "scale_floor": math.exp(power)} for power in (-3, -1.5)
}
TABLES = ("iris", "wine", "breast-cancer", "ad_pageblocks")
IMAGES = ("digits",)


def main() -> None:
    """Prints Markdown tables and writes nothing else."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of ad_pageblocks.npz")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 on")
    arguments = parser.parse_args()
    seeds = range(arguments.seeds)
    with TemporaryDirectory() as folder:
        sources = {name: Path(name) for name in (*TABLES, *IMAGES)}
        sources["ad_pageblocks"] = _normal_rows(arguments.data, Path(folder))
        header = [f"seed {seed}" for seed in seeds]
        print_table(
            ["no dropout against 0.15", *header],
            ([n, *(_gain(s, i, DROPOUT, NO_DROPOUT) for i in seeds)] for n, s in sources.items()),
        )
        for floor, flags in FLOORS.items():
            print_table(
                [f"{floor} against e^-5", *header],
                ([n, *(_gain(sources[n], i, NO_DROPOUT, flags) for i in seeds)] for n in TABLES),
            )


def _gain(source: Path, seed: int, before: Flags, after: Flags) -> str:
    """The mean over held-out rows of what the second model gives more than the first."""
    return over_rows(_log_likelihoods(source, seed, after) - _log_likelihoods(source, seed, before))


def _log_likelihoods(source: Path, seed: int, flags: Flags) -> NDArray[np.float64]:
    with TemporaryDirectory() as store:
        return log_likelihoods(train(compared(source, seed, Path(store), **flags)))


def _normal_rows(data: Path, folder: Path) -> Path:
    """Those of the blocks of pages, as a file that `vae-train` reads."""
    table = read_table(data / "ad_pageblocks.npz")
    source = folder / "ad_pageblocks.parquet"
    table.frame(np.flatnonzero(~table.is_anomaly)).write_parquet(source)
    return source


if __name__ == "__main__":
    main()
