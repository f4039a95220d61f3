"""What it costs to train and calibrate a table of ordinary size, and to score rows."""

import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import torch
from pydantic import TypeAdapter

from benchmarks.anomaly.record import Part
from benchmarks.anomaly.runs import Numbers, published_in, rows_of
from benchmarks.page import markdown
from benchmarks.real_data.markdown import over_seeds

ROWS, COLUMNS, FACTORS = 5_000, 30, 5
SCORED_ROWS = 20_000


def made_rows(rows: int, seed: int) -> Numbers:
    """Rows of 30 columns that depend on 5 factors, not linearly, and noise."""
    random = np.random.Generator(np.random.PCG64(seed))
    loadings = np.random.Generator(np.random.PCG64(0)).normal(size=(FACTORS, COLUMNS))
    factors = random.normal(size=(rows, FACTORS))
    return np.asarray(np.sin(factors @ loadings) + 0.3 * random.normal(size=(rows, COLUMNS)))


@dataclass(frozen=True)
class Cost:
    """What a table of 5,000 rows and 30 columns costs.

    Args:
        seconds: Of `vae-train`, from start to published and calibrated.
        cpu_seconds: Of all its threads.
        rows_a_second: With every score, on one thread.
    """

    seconds: float
    cpu_seconds: float
    rows_a_second: float


COST = Part("cost", TypeAdapter(Cost))


def measure_cost(seed: int) -> Cost:
    """Of the whole command, and of scoring."""
    with TemporaryDirectory() as folder:
        source = Path(folder) / "made.parquet"
        table = made_rows(ROWS, seed=1)
        pl.DataFrame({f"x{j}": table[:, j] for j in range(COLUMNS)}).write_parquet(source)
        seconds, cpu_seconds = _trained(source, seed)
        model = published_in(source.parent, source.stem, rows_of(table))
    torch.set_num_threads(1)
    x = rows_of(made_rows(SCORED_ROWS, seed=2))
    start = time.perf_counter()
    model.scores(x)
    rate = SCORED_ROWS / (time.perf_counter() - start)
    return Cost(round(seconds, 1), round(cpu_seconds, 1), round(rate, 1))


def cost_table(tables: Mapping[str, Sequence[Cost]]) -> str:
    """One row a quantity."""
    of_seeds = [cost for seeds in tables.values() for cost in seeds]
    quantities = {
        "`vae-train`, from start to published and calibrated, s": [c.seconds for c in of_seeds],
        "its CPU time, s": [c.cpu_seconds for c in of_seeds],
        "every score, on one thread, rows/s": [c.rows_a_second for c in of_seeds],
    }
    rows = ([name, over_seeds(of, 0)] for name, of in quantities.items() if of)
    return markdown([f"{ROWS:,} x {COLUMNS}", "measured"], rows)


def _trained(source: Path, seed: int) -> tuple[float, float]:
    """Seconds of the command, and of its processor time."""
    asked = [str(source), "--store", str(source.parent), "--seed", str(seed), "--quiet"]
    start, before = time.perf_counter(), _cpu_of_children()
    subprocess.run([sys.executable, "-m", "training", *asked], check=True)
    return time.perf_counter() - start, _cpu_of_children() - before


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
