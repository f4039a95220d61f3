"""A file that is larger takes no more memory."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.bulk import csv_file, parquet_file, table_rows, table_store
from tests.commands import process

FEW, MANY = 20_000, 200_000

# The largest size of what is the processes' own, what they share counted once: pages of a mapped
# file are not.
PEAK = """
import os
import sys
from pathlib import Path
from app.bulk.run import Run, Task

def own():
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return sum(map(own_of, [os.getpid(), *children]))

def own_of(pid):
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))

store, rows, out = map(Path, sys.argv[1:])
peak = 0
for step in Run(Task("table", rows, out, store)).score():
    peak = max(peak, own())
print(peak)
"""


def peak_bytes(store: Path, rows: Path, out: Path) -> int:
    with process(sys.executable, "-c", PEAK, str(store), str(rows), str(out)) as running:
        said, errors = running.communicate(timeout=300)
    assert running.returncode == 0, errors
    return int(said) * 1024


@pytest.mark.parametrize(("kind", "end"), [("csv", "csv"), ("npy", "csv"), ("parquet", "parquet")])
def test_ten_times_the_rows_take_no_more_memory(tmp_path: Path, kind: str, end: str) -> None:
    store = table_store(tmp_path / "store")
    peaks = []
    for count in (FEW, MANY):
        rows, path = np.tile(table_rows(1000), (count // 1000, 1)), tmp_path / f"{count}.{kind}"
        if kind == "npy":
            np.save(path, rows)
        else:
            {"csv": csv_file, "parquet": parquet_file}[kind](path, rows)
        peaks.append(peak_bytes(store, path, tmp_path / f"o{count}.{end}"))

    assert peaks[1] - peaks[0] < 32 * 2**20, peaks
