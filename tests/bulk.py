"""Files to be scored, a model that can, and what `vae-score` makes of them."""

import csv
from pathlib import Path

import numpy as np
import polars as pl
from typer.testing import CliRunner, Result

from app.bulk.__main__ import app
from model_store.store import FolderStore
from tests.builders import named_checkpoint
from tests.calibrations import small_calibration
from tests.models import random_rows

COLOURS, JOBS = ("blue", "green", "red"), ("cook", "smith")
HEADER = ("age", "member", "colour", "visits", "gap", "job")
NUMBERS = ("age", "member", "visits", "gap")


def table_store(root: Path) -> Path:
    """A store with the mixed table, calibrated by 99 rows."""
    checkpoint = named_checkpoint().calibrated(small_calibration("mixed"), "noise")
    FolderStore(root).publish("table", checkpoint)
    return root


def table_rows(rows: int) -> np.ndarray:
    """Rows that the table takes, float64."""
    return random_rows("mixed", rows, seed=5).numpy()


def as_cells(row: np.ndarray) -> list[str]:
    """A row as people write it, in the order of HEADER."""
    age, member, colour, visits, gap, job = row
    return [
        str(age),
        str(int(member)),
        COLOURS[int(colour)],
        str(int(visits)),
        str(gap),
        JOBS[int(job)],
    ]


def csv_file(path: Path, rows: np.ndarray) -> Path:
    """The rows as a CSV file."""
    return csv_text(path, [",".join(HEADER), *(",".join(as_cells(row)) for row in rows)])


def csv_text(path: Path, lines: list[str], end: str = "\n") -> Path:
    """A file of these lines."""
    path.write_bytes("".join(line + end for line in lines).encode())
    return path


def parquet_file(path: Path, rows: np.ndarray) -> Path:
    """The rows as a Parquet file."""
    columns = zip(*map(as_cells, rows), strict=True)
    frame = pl.DataFrame(dict(zip(HEADER, map(list, columns), strict=True)))
    frame.with_columns(pl.col(NUMBERS).cast(pl.Float64)).write_parquet(path)
    return path


def score(*arguments: object) -> Result:
    """`vae-score` with these arguments."""
    return CliRunner().invoke(app, list(map(str, arguments)))


def scored(store: Path, rows: Path, out: Path, *arguments: object) -> Result:
    """The same of the table, which succeeds."""
    result = score("table", rows, "--store", store, "--out", out, "--quiet", *arguments)
    assert result.exit_code == 0, result.output
    return result


def table_of(path: Path, separator: str = ",") -> list[dict[str, str]]:
    """The rows of a CSV file by name."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file, delimiter=separator))


def column(path: Path, name: str) -> list[float]:
    """The numbers of a column of a CSV file."""
    return [float(row[name]) for row in table_of(path)]
