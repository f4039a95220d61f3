"""What is to be done, one table or task and one seed at a time, each in a process of its own."""

import math
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from benchmarks.anomaly.alarms import ALARMS, REQUESTS, Alarms
from benchmarks.anomaly.contest import CONTEST, measure
from benchmarks.anomaly.cost import COST, measure_cost
from benchmarks.anomaly.explanations import EXPLANATIONS, named_first
from benchmarks.anomaly.images import IMAGES, TASKS, measure_task, read_tasks
from benchmarks.anomaly.pyod_detectors import PYOD
from benchmarks.anomaly.record import Record
from benchmarks.anomaly.references import REFERENCES
from benchmarks.anomaly.runs import try_table
from benchmarks.anomaly.tables import read_table

Job = Callable[[], list[str]]
"""Gives lines for the record."""

OF_TABLES = (CONTEST.name, ALARMS.name, EXPLANATIONS.name)
PARTS = (*OF_TABLES, IMAGES.name, COST.name)
DETECTORS = {**REFERENCES, **PYOD}
MADE = "made"  # the table whose cost is measured


def missing_jobs(
    data: Path, sets: Mapping[str, Path], parts: Sequence[str], seeds: int, record: Record
) -> Iterator[Job]:
    """Those whose figures the record does not have."""
    for seed in range(seeds):
        for name, path in sets.items():
            wanted = [p for p in OF_TABLES if p in parts and not record.has(p, name, seed)]
            if wanted:
                yield partial(_of_table, path, name, seed, wanted, requests_of(seeds))
        for task in TASKS:
            if IMAGES.name in parts and not record.has(IMAGES.name, task, seed):
                yield partial(_of_images, data, task, seed)


def cost_jobs(parts: Sequence[str], seeds: int, record: Record) -> Iterator[Job]:
    """Likewise; nothing else should be computed at the same time."""
    for seed in range(seeds):
        if COST.name in parts and not record.has(COST.name, MADE, seed):
            yield partial(_of_cost, seed)


def requests_of(seeds: int) -> int:
    """Of each seed, for that many in all."""
    return math.ceil(REQUESTS / seeds)


def run(jobs: Sequence[Job], processes: int) -> Iterator[list[str]]:
    """Lines of each job as soon as it is done."""
    # A fork would take threads of torch for running that are not.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        for done in as_completed([pool.submit(job) for job in jobs]):
            yield done.result()


def _of_table(path: Path, name: str, seed: int, wanted: Sequence[str], requests: int) -> list[str]:
    """All that needs a model of the table; it is trained once."""
    trial = try_table(read_table(path), seed)
    lines = []
    if CONTEST.name in wanted:
        lines.append(CONTEST.line(name, seed, measure(trial, DETECTORS)))
    if ALARMS.name in wanted:
        lines.append(ALARMS.line(name, seed, Alarms.of(trial, requests)))
    if EXPLANATIONS.name in wanted:
        lines.append(EXPLANATIONS.line(name, seed, named_first(trial)))
    return lines


def _of_images(data: Path, task: str, seed: int) -> list[str]:
    return [IMAGES.line(task, seed, measure_task(read_tasks(data)[task], seed, DETECTORS))]


def _of_cost(seed: int) -> list[str]:
    return [COST.line(MADE, seed, measure_cost(seed))]
