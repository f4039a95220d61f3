"""A run that is interrupted is gone on with, and nobody sees half of an answer."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

import app.bulk.run
from app.bulk.run import Run, Task
from tests.bulk import csv_file, csv_text, parquet_file, score, scored, table_rows, table_store
from tests.commands import process, wait_for

ROWS = table_rows(9000)
KINDS = ["csv", "parquet", "npy"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(autouse=True)
def _marks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.bulk.run, "_ROWS_BETWEEN_MARKS", 2000)


def file_of(kind: str, folder: Path) -> Path:
    path = folder / f"r.{kind}"
    if kind == "npy":
        np.save(path, ROWS)
        return path
    return csv_file(path, ROWS) if kind == "csv" else parquet_file(path, ROWS)


def interrupted(store: Path, rows: Path, out: Path, blocks: int = 3) -> Run:
    """A run that was stopped after so many blocks."""
    run = Run(Task("table", rows, out, store))
    steps = run.score()
    for _ in range(blocks):
        next(steps)
    steps.close()
    return run


@pytest.mark.parametrize("end", ["csv", "parquet"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_that_of_a_run_without_interruption(
    store: Path, tmp_path: Path, kind: str, end: str
) -> None:
    rows = file_of(kind, tmp_path)
    scored(store, rows, tmp_path / f"whole.{end}")

    interrupted(store, rows, tmp_path / f"o.{end}")
    run = Run(Task("table", rows, tmp_path / f"o.{end}", store))
    last = [step.mark for step in run.score()][-1]

    assert run.begun.rows > 0
    assert last.rows == 9000
    assert (tmp_path / f"o.{end}").read_bytes() == (tmp_path / f"whole.{end}").read_bytes()


@pytest.mark.parametrize("end", ["csv", "parquet"])
def test_an_old_answer_stays_until_the_new_one_is_whole(
    store: Path, tmp_path: Path, end: str
) -> None:
    (tmp_path / f"o.{end}").write_text("old")

    interrupted(store, file_of("csv", tmp_path), tmp_path / f"o.{end}")

    assert (tmp_path / f"o.{end}").read_text() == "old"


def test_it_says_behind_which_row_it_goes_on(store: Path, tmp_path: Path) -> None:
    rows, out = file_of("csv", tmp_path), tmp_path / "o.csv"
    interrupted(store, rows, out)

    result = score("table", rows, "--store", store, "--out", out)

    assert result.stdout.startswith("Going on behind 6,144 rows that were scored before.\n9,000")


@pytest.mark.parametrize("change", ["rate", "score", "file", "part", "torn"])
def test_another_run_begins_anew(store: Path, tmp_path: Path, change: str) -> None:
    rows, out = file_of("csv", tmp_path), tmp_path / "o.csv"
    interrupted(store, rows, out)
    if change == "file":
        os.utime(rows, (1, 1))
    if change == "part":
        (tmp_path / "o.csv.part").unlink()
    if change == "torn":
        (tmp_path / "o.csv.part.json").unlink()
        (tmp_path / "o.csv.part.json").write_text('{"run": ')

    task = Task(
        "table",
        rows,
        out,
        store,
        score="elbo" if change == "score" else "combined",
        rate=0.5 if change == "rate" else 0.01,
    )

    assert Run(task).begun.rows == 0


def test_lines_are_numbered_as_in_the_file_after_an_interruption(
    store: Path, tmp_path: Path
) -> None:
    lines = csv_file(tmp_path / "r.csv", ROWS).read_text().splitlines()
    rows = csv_text(tmp_path / "r.csv", [*lines[:8000], "1,2"])
    interrupted(store, rows, tmp_path / "o.csv", blocks=1)

    result = score("table", rows, "--store", store, "--out", tmp_path / "o.csv")

    assert result.stderr.startswith("vae-score: r.csv, line 8001 has 2 cells")


def test_two_runs_do_not_write_one_file(store: Path, tmp_path: Path) -> None:
    rows, out = file_of("csv", tmp_path), tmp_path / "o.csv"
    first = Run(Task("table", rows, out, store)).score()
    next(first)

    second = score("table", rows, "--store", store, "--out", out)
    list(first)

    assert second.exit_code == 2
    assert second.stderr == "vae-score: o.csv is being written by another vae-score.\n"
    assert len(out.read_text().splitlines()) == 9001


def test_the_command_that_was_killed_goes_on(store: Path, tmp_path: Path) -> None:
    rows, out = csv_file(tmp_path / "r.csv", np.tile(ROWS, (30, 1))), tmp_path / "o.csv"
    command = ("vae-score", "table", str(rows), "--store", str(store), "--out", str(out))

    with process(*command) as running:
        wait_for((tmp_path / "o.csv.part.json").exists)
        running.send_signal(signal.SIGKILL)
        running.wait()
    with process(*command) as running:
        said, _ = running.communicate(timeout=120)

    assert said.startswith("Going on behind ")
    assert len(out.read_text().splitlines()) == 270_001
