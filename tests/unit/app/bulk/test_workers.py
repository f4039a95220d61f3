"""Blocks are scored by processes where there are several, and nobody can tell from the answer."""

import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest

import app.bulk.run
from app.bulk.errors import UnavailableError
from app.bulk.run import Run, Task
from app.cores import available_cores
from app.processes import usage_of
from tests.bulk import csv_file, score, scored, table_rows, table_store
from tests.commands import process, wait_for, workers_of

ROWS = table_rows(9000)  # five blocks
FEW = 2000
MANY = np.tile(ROWS, (40, 1))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table_store(tmp_path_factory.mktemp("store"))


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return csv_file(tmp_path / "r.csv", ROWS)


def cores(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(app.bulk.run, "available_cores", lambda: count)


def whole(store: Path, rows: Path, out: Path) -> bytes:
    """The answer of a run that nobody disturbs."""
    scored(store, rows, out)
    return out.read_bytes()


@pytest.mark.parametrize("end", ["csv", "parquet"])
def test_the_answer_is_the_same_on_any_number_of_cores(
    store: Path, rows: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    answers = []
    for count in (1, 2, 3, 7):
        cores(monkeypatch, count)
        answers.append(whole(store, rows, rows.with_name(f"{count}.{end}")))

    assert answers[1:] == answers[:1] * 3


@pytest.mark.parametrize(("count", "blocks"), [(FEW, 1), (2 * 2048, 2), (len(ROWS), 3)])
def test_there_are_no_more_processes_than_blocks_or_cores_and_none_for_one_block(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, blocks: int
) -> None:
    cores(monkeypatch, 3)
    rows = csv_file(tmp_path / "r.csv", ROWS[:count])

    steps = Run(Task("table", rows, tmp_path / "o.csv", store)).score()
    next(steps)
    found = len(multiprocessing.active_children())
    steps.close()

    assert found == (blocks if blocks > 1 else 0)
    assert not multiprocessing.active_children()


def test_a_worker_that_dies_is_told_and_the_run_is_gone_on_with(
    store: Path, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cores(monkeypatch, 2)
    monkeypatch.setattr(app.bulk.run, "_ROWS_BETWEEN_MARKS", 2000)
    undisturbed = whole(store, rows, rows.with_name("whole.csv"))
    task = Task("table", rows, rows.with_name("o.csv"), store)

    steps = Run(task).score()
    next(steps)
    for worker in multiprocessing.active_children():
        assert worker.pid
        os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(UnavailableError, match=r"ended with SIGKILL; the same command goes on"):
        list(steps)
    run = Run(task)
    list(run.score())

    assert run.begun.rows > 0
    assert task.out.read_bytes() == undisturbed


def test_a_worker_that_dies_at_once_is_the_worlds_failure(
    store: Path, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cores(monkeypatch, 2)
    monkeypatch.setattr("app.bulk.workers.gc.freeze", lambda: os._exit(3))

    result = score("table", rows, "--store", store, "--out", rows.with_name("o.csv"))

    assert result.exit_code == 1
    assert result.stderr.startswith(
        "vae-score: A process that scored rows ended with exit code 3; "
    )


@pytest.mark.parametrize("kill", [True, False])
def test_a_command_that_is_ended_takes_its_workers_along_and_is_gone_on_with(
    store: Path, tmp_path: Path, kill: bool
) -> None:
    rows, out = csv_file(tmp_path / "r.csv", MANY), tmp_path / "o.csv"
    undisturbed = whole(store, rows, tmp_path / "whole.csv")
    command = ("vae-score", "table", str(rows), "--store", str(store), "--out", str(out))

    with process(*command) as running:
        wait_for((tmp_path / "o.csv.part.json").exists)
        workers = workers_of(running)
        # Ctrl-C comes to all of them.
        for pid in [running.pid] if kill else [*workers, running.pid]:
            os.kill(pid, signal.SIGKILL if kill else signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    wait_for(lambda: (usage := usage_of(workers, None)) is None or not usage.workers)
    with process(*command) as running:
        said, _ = running.communicate(timeout=120)

    assert bool(workers) == (available_cores() > 1)
    interrupted = "vae-score: Interrupted; the same command goes on with o.csv.\n"
    assert errors == ("" if kill else interrupted)
    assert said.startswith("Going on behind ")
    assert out.read_bytes() == undisturbed
