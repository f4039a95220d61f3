"""How well rows unlike the others are told apart, next to detectors of scikit-learn and PyOD.

    python -m benchmarks.anomaly --data FOLDER [--seeds 3] [--sets breastw,wbc]
        [--only tables,images,alarms,explanations,cost]

FOLDER holds the `ad_*.npz` and the pictures. Trains and calibrates with the defaults of `vae-train`
on a random half of each table's normal rows, at most 8,000, and scores the other half and all
anomalies; a seed decides the half and the weights. Detectors of PyOD take part where it is
installed (`.[bench]`). Prints the tables of docs/anomaly.md.
"""

import argparse
import math
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.anomaly.alarms import REQUESTS, Alarms, print_alarms
from benchmarks.anomaly.contest import Measured, measure, print_contest
from benchmarks.anomaly.cost import print_cost
from benchmarks.anomaly.explanations import named_first, print_explanations
from benchmarks.anomaly.images import print_images
from benchmarks.anomaly.pyod_detectors import PYOD
from benchmarks.anomaly.references import REFERENCES
from benchmarks.anomaly.runs import try_table
from benchmarks.anomaly.tables import read_table

PREFIX = "ad_"
PARTS = ("tables", "alarms", "explanations", "images", "cost")
DETECTORS = {**REFERENCES, **PYOD}
OF_TABLES = {"tables", "alarms", "explanations"}


def main() -> None:
    """Prints Markdown tables and writes nothing else."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the ad_*.npz")
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--sets", default="", help="names of tables, all unless given")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 on")
    arguments = parser.parse_args()
    parts = arguments.only.split(",")
    _check(parser, "--only", parts, PARTS)
    paths = {p.stem.removeprefix(PREFIX): p for p in sorted(arguments.data.glob(f"{PREFIX}*.npz"))}
    sets = arguments.sets.split(",") if arguments.sets else list(paths)
    _check(parser, "--sets", sets, tuple(paths))
    if not OF_TABLES.isdisjoint(parts):
        _print_tables({name: paths[name] for name in sets}, arguments.seeds, parts)
    if "images" in parts:
        print_images(arguments.data, 0, DETECTORS)
    if "cost" in parts:
        print_cost()


def _print_tables(paths: Mapping[str, Path], seeds: int, parts: list[str]) -> None:
    """What needs a model of each table and seed; each is trained once."""
    measured: dict[str, list[dict[str, Measured]]] = {name: [] for name in paths}
    alarms: dict[str, list[Alarms]] = {name: [] for name in paths}
    named: dict[str, list[tuple[float, float]]] = {name: [] for name in paths}
    for seed in range(seeds):
        for name, path in paths.items():
            trial = try_table(read_table(path), seed)
            measured[name].append(measure(trial, DETECTORS) if "tables" in parts else {})
            alarms[name].append(Alarms.of(trial, math.ceil(REQUESTS / seeds)))
            named[name].append(named_first(trial))
            # It takes minutes until a table is full.
            report = (name, seed, measured[name][-1], alarms[name][-1], named[name][-1])
            print(*report, file=sys.stderr, flush=True)
    if "tables" in parts:
        print_contest(measured)
    if "alarms" in parts:
        print_alarms(alarms)
    if "explanations" in parts:
        print_explanations(named)


def _check(
    parser: argparse.ArgumentParser, flag: str, names: list[str], known: tuple[str, ...]
) -> None:
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"{flag} {unknown[0]} is unknown; needed some of {', '.join(known)}")


if __name__ == "__main__":
    main()
