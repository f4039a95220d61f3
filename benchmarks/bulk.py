"""How many rows a second are scored from files, by `vae-score`, and over HTTP, line by line.

    python -m benchmarks.bulk [--rows 200000] [--runs 3] [--only files,streams] [--folder FOLDER]
        [--page docs/anomaly.md]

Trains a model of a table of 30 columns with the defaults of `vae-train`, writes rows as CSV,
Parquet and NPY, and runs the real command on each, the kinds in turn; then sends a quarter of the
rows to the real service, which has one core, on one connection as NDJSON. Prints the table of
docs/anomaly.md, or puts it between the marks of a page. What is in FOLDER from a run before is
used again.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from app.processes import usage_of
from benchmarks.anomaly.cost import COLUMNS, ROWS, made_rows
from benchmarks.machine import describe_machine
from benchmarks.page import fill, markdown
from benchmarks.servers import serving
from benchmarks.streams import exchange

MODEL, PORT, MARKS = "made", 8613, "figures of bulk"
# Each kind of file, and what is written of it.
FILES = (("csv", "csv"), ("parquet", "csv"), ("parquet", "parquet"), ("npy", "csv"))
STREAMED_SHARE = 0.25  # of the rows
# A look takes a fortieth of a second of a core, which the command would need.
SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True)
class Trial:
    """One run.

    Args:
        rows_per_second: As the command says, or from the first byte sent to the last received.
        peak_bytes: Most memory of the command's processes, what they share counted once, at any
            look; none for a service, which serves others too.
    """

    rows_per_second: float
    peak_bytes: int | None = None


def main() -> None:
    """Prints one table, and what it was measured on, or puts it on a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="of each file")
    parser.add_argument("--runs", type=int, default=3, help="of each kind")
    parser.add_argument("--only", default="files,streams", help="what to measure")
    parser.add_argument("--folder", type=Path, help="where the model and the files are kept")
    parser.add_argument("--page", type=Path, help="a page with marks for the table")
    asked = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = asked.folder or Path(name)
        _prepare(folder, asked.rows)
        trials: dict[str, list[Trial]] = {}
        if "files" in asked.only:
            trials |= _in_turn(_commands(folder), asked.runs)
        if "streams" in asked.only:
            with serving(folder, PORT):
                trials |= _in_turn(_streams(asked.rows), asked.runs)
    text = f"{_table(trials)}\n\n{asked.rows:,} rows a file, {describe_machine()}."
    if asked.page:
        fill(asked.page, MARKS, text)
    else:
        print(text)


def _prepare(folder: Path, rows: int) -> None:
    """A store, and the files to be scored."""
    if (folder / "rows.npy").exists() and len(np.load(folder / "rows.npy", "r")) == rows:
        return
    folder.mkdir(exist_ok=True)
    _frame(made_rows(ROWS, seed=1)).write_parquet(folder / "train.parquet")
    options = ["--store", str(folder), "--name", MODEL, "--quiet"]
    command = [sys.executable, "-m", "training", str(folder / "train.parquet"), *options]
    subprocess.run(command, check=True)
    table = made_rows(rows, seed=2)
    _frame(table).write_csv(folder / "rows.csv")
    _frame(table).write_parquet(folder / "rows.parquet")
    # The last, which tells that all are there.
    np.save(folder / "rows.npy", table)


def _frame(table: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({f"x{j}": table[:, j] for j in range(COLUMNS)})


def _in_turn(kinds: Mapping[str, Callable[[], Trial]], runs: int) -> dict[str, list[Trial]]:
    """So many trials of each kind, one after the other: what else the machine does hits all."""
    trials: dict[str, list[Trial]] = {name: [] for name in kinds}
    for _ in range(runs):
        for name, run in kinds.items():
            trials[name].append(run())
            print(name, trials[name][-1], file=sys.stderr, flush=True)
    return trials


def _commands(folder: Path) -> dict[str, Callable[[], Trial]]:
    return {
        f"`vae-score`, {kind} to {end}": partial(
            _scored, folder, folder / f"rows.{kind}", folder / f"scored.{end}"
        )
        for kind, end in FILES
    }


def _scored(store: Path, rows: Path, out: Path) -> Trial:
    """One run of the command."""
    asked = [MODEL, str(rows), "--out", str(out), "--store", str(store), "--json"]
    command = [sys.executable, "-m", "app.bulk", *asked]
    peak = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while True:
            peak = max(peak, _memory_bytes(process.pid))
            with suppress(subprocess.TimeoutExpired):
                answer, _ = process.communicate(timeout=SECONDS_BETWEEN_LOOKS)
                break
    if process.returncode:
        raise RuntimeError(f"vae-score ended with {process.returncode}.")
    found = json.loads(answer)
    return Trial(found["rows"] / found["seconds"], peak)


def _memory_bytes(pid: int) -> int:
    """What a process and its children hold now; 0 where it has just ended."""
    with suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        usage = usage_of(map(int, children), pid)
        return usage.resident_bytes if usage else 0
    return 0


def _streams(rows: int) -> dict[str, Callable[[], Trial]]:
    table = made_rows(int(rows * STREAMED_SHARE), seed=2)
    arrays = [json.dumps(row) for row in table.tolist()]
    names = [f"x{j}" for j in range(COLUMNS)]
    records = [json.dumps(dict(zip(names, row, strict=True))) for row in table.tolist()]
    return {
        f"NDJSON on one connection, {name}": partial(_streamed, "\n".join(lines).encode())
        for name, lines in (("arrays", arrays), ("records", records))
    }


def _streamed(body: bytes) -> Trial:
    """One request."""
    start = time.perf_counter()
    answers = exchange(PORT, f"/v1/models/{MODEL}/anomaly", body)
    seconds = time.perf_counter() - start
    if answers != body.count(b"\n") + 1:
        raise RuntimeError(f"{answers} lines came back.")
    return Trial(answers / seconds)


def _table(trials: Mapping[str, Sequence[Trial]]) -> str:
    head = (f"{COLUMNS} columns", "rows/s, median (min to max)", "most memory, MB")
    return markdown(head, [(name, *_cells(of)) for name, of in trials.items()])


def _cells(trials: Sequence[Trial]) -> tuple[str, str]:
    rates = [trial.rows_per_second for trial in trials]
    peaks = [trial.peak_bytes for trial in trials if trial.peak_bytes is not None]
    spread = f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"
    return spread, f"{max(peaks) / 1e6:,.0f}" if peaks else ""


if __name__ == "__main__":
    main()
