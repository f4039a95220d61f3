"""What it costs to train and calibrate a table of ordinary size, and to score rows."""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import torch

from benchmarks.anomaly.runs import Numbers, rows_of, train_on
from benchmarks.real_data.markdown import print_table

ROWS, COLUMNS, FACTORS = 5_000, 30, 5
SCORED_ROWS = 20_000


def made_rows(rows: int, seed: int) -> Numbers:
    """Rows of 30 columns that depend on 5 factors, not linearly, and noise."""
    random = np.random.Generator(np.random.PCG64(seed))
    loadings = np.random.Generator(np.random.PCG64(0)).normal(size=(FACTORS, COLUMNS))
    factors = random.normal(size=(rows, FACTORS))
    return np.asarray(np.sin(factors @ loadings) + 0.3 * random.normal(size=(rows, COLUMNS)))


def print_cost() -> None:
    """Seconds of the whole command, and rows a second of one thread."""
    with TemporaryDirectory() as folder:
        source = Path(folder) / "made.parquet"
        table = made_rows(ROWS, seed=1)
        pl.DataFrame({f"x{j}": table[:, j] for j in range(COLUMNS)}).write_parquet(source)
        command = [sys.executable, "-m", "training", str(source), "--store", folder, "--quiet"]
        start = time.perf_counter()
        subprocess.run(command, check=True)
        seconds = time.perf_counter() - start
        model = train_on(source, seed=0)
    torch.set_num_threads(1)
    x = rows_of(made_rows(SCORED_ROWS, seed=2))
    start = time.perf_counter()
    model.scores(x)
    rate = SCORED_ROWS / (time.perf_counter() - start)
    print_table(
        [f"{ROWS:,} x {COLUMNS}", "measured"],
        [
            ["vae-train, from start to published and calibrated, in seconds", f"{seconds:.0f}"],
            ["every score, rows a second on one thread", f"{rate:,.0f}"],
        ],
    )
