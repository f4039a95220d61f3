"""How well rows unlike the others are told apart, next to detectors of scikit-learn and PyOD.

    python -m benchmarks.anomaly --data FOLDER [--seeds 3] [--sets breastw,wbc]
        [--only tables,alarms,explanations,images,cost] [--processes 2]
        [--into docs/anomaly.jsonl] [--page docs/anomaly.md] [--afresh]

FOLDER holds the `ad_*.npz` and the pictures. Trains and calibrates with the defaults of `vae-train`
on a random half of each table's normal rows, at most 8,000, and scores the other half and all
anomalies; a seed decides the half and the weights. Detectors of PyOD take part where it is
installed (`.[bench]`). Prints tables, and puts them into the page. What the record already has
is not measured again, unless it is to be measured afresh.
"""

import argparse
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.anomaly.alarms import ALARMS, alarms_table
from benchmarks.anomaly.contest import CONTEST, contest_tables
from benchmarks.anomaly.cost import COST, cost_table
from benchmarks.anomaly.explanations import EXPLANATIONS, explanations_table
from benchmarks.anomaly.images import IMAGES, TASKS, images_table
from benchmarks.anomaly.jobs import MADE, PARTS, Job, cost_jobs, missing_jobs, run
from benchmarks.anomaly.record import Record
from benchmarks.page import fill

PREFIX = "ad_"


def main() -> None:
    """Measures what is missing, and prints Markdown."""
    parser = _parser()
    arguments = parser.parse_args()
    parts = arguments.only.split(",")
    _check(parser, "--only", parts, PARTS)
    paths = {p.stem.removeprefix(PREFIX): p for p in sorted(arguments.data.glob(f"{PREFIX}*.npz"))}
    sets = arguments.sets.split(",") if arguments.sets else list(paths)
    _check(parser, "--sets", sets, tuple(paths))
    record = Record(arguments.into, parts if arguments.afresh else ())
    chosen = {name: paths[name] for name in sets}
    jobs = missing_jobs(arguments.data, chosen, parts, arguments.seeds, record)
    _measure(list(jobs), arguments.processes, record)
    _measure(list(cost_jobs(parts, arguments.seeds, record)), 1, record)
    for part, text in _texts(record, sets, arguments.seeds).items():
        if part in parts:
            print(f"\n{text}")
            if arguments.page:
                fill(arguments.page, part, text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the ad_*.npz")
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--sets", default="", help="names of tables, all unless given")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 on")
    parser.add_argument("--processes", type=int, default=1, help="tables and seeds at a time")
    parser.add_argument("--into", type=Path, help="a record, JSON lines, to keep the figures in")
    parser.add_argument("--page", type=Path, help="Markdown with marks to put the tables between")
    parser.add_argument("--afresh", action="store_true", help="measure what is recorded again")
    return parser


def _measure(jobs: Sequence[Job], processes: int, record: Record) -> None:
    start = time.perf_counter()
    for done, lines in enumerate(run(jobs, processes) if jobs else (), start=1):
        record.add(lines)
        minutes = (time.perf_counter() - start) / 60
        # It takes minutes until a table is full.
        print(f"{done} of {len(jobs)} after {minutes:.1f} min", *lines, file=sys.stderr, flush=True)
    if jobs:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = (used.ru_utime + used.ru_stime) / 60
        print(f"{cpu:.1f} minutes of CPU time so far", file=sys.stderr)


def _texts(record: Record, sets: Sequence[str], seeds: int) -> Mapping[str, str]:
    """The tables of each part that is measured, by the part's name."""
    each = range(seeds)
    texts = {
        CONTEST.name: contest_tables(record.of_each(CONTEST, sets, each)),
        ALARMS.name: alarms_table(record.of_each(ALARMS, sets, each)),
        EXPLANATIONS.name: explanations_table(record.of_each(EXPLANATIONS, sets, each)),
        IMAGES.name: images_table(record.of_each(IMAGES, TASKS, each)),
        COST.name: cost_table(record.of_each(COST, [MADE], each)),
    }
    return {part: text for part, text in texts.items() if text}


def _check(
    parser: argparse.ArgumentParser, flag: str, names: list[str], known: tuple[str, ...]
) -> None:
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"{flag} {unknown[0]} is unknown; needed some of {', '.join(known)}")


if __name__ == "__main__":
    main()
