"""Processes that are watched: begun, replaced, ended."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from app.workers import Worker, WorkerEndedError, supervise
from tests.processes import start

SECONDS = 30


def supervised(path: Path, patience_seconds: float = SECONDS) -> None:
    """Two workers that write down that they began; the first of them ends when told to."""

    def work(worker: Worker) -> None:
        worker.mark_loaded()
        (path / f"{worker.number}-{os.getpid()}").touch()
        while not (worker.number == 0 and (path / f"end-{os.getpid()}").exists()):
            time.sleep(0.01)

    supervise(2, work, patience_seconds=patience_seconds)


def refusing_to_start(path: Path) -> None:
    try:
        supervise(2, lambda worker: sys.exit(3 * worker.number), patience_seconds=SECONDS)
    except WorkerEndedError as error:
        (path / "error").write_text(str(error))


def deaf(path: Path) -> None:
    def work(worker: Worker) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        worker.mark_loaded()
        (path / f"{worker.number}-{os.getpid()}").touch()
        time.sleep(SECONDS)

    supervise(2, work, patience_seconds=0.2)


def begun(path: Path, count: int) -> list[str]:
    """The workers that have begun, once there are so many."""
    deadline = time.monotonic() + SECONDS
    while len(names := sorted(file.name for file in path.glob("[01]-*"))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return names


def ended(pid: str) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_all_end_when_the_supervisor_is_told_to(tmp_path: Path) -> None:
    supervisor = start(supervised, tmp_path)
    pids = [name.partition("-")[2] for name in begun(tmp_path, 2)]

    supervisor.terminate()
    supervisor.join(SECONDS)

    assert supervisor.exitcode == 0
    assert all(map(ended, pids))


@pytest.mark.parametrize("killed", [True, False])
def test_one_that_ends_is_replaced_by_one_of_its_number(tmp_path: Path, killed: bool) -> None:
    supervisor = start(supervised, tmp_path)
    first = next(name for name in begun(tmp_path, 2) if name.startswith("0-"))
    pid = first.partition("-")[2]

    if killed:
        os.kill(int(pid), signal.SIGKILL)
    (tmp_path / f"end-{pid}").touch()
    numbers = [name[0] for name in begun(tmp_path, 3)]
    supervisor.terminate()
    supervisor.join(SECONDS)

    assert numbers == ["0", "0", "1"]
    assert supervisor.exitcode == 0


def test_one_that_never_gets_ready_ends_all(tmp_path: Path) -> None:
    supervisor = start(refusing_to_start, tmp_path)
    supervisor.join(SECONDS)

    message = (tmp_path / "error").read_text()

    assert message.endswith(" while the service started; its log tells more.")
    assert " ended with exit code " in message


def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    supervisor = start(deaf, tmp_path)
    begun(tmp_path, 2)

    supervisor.terminate()
    supervisor.join(SECONDS / 2)

    assert supervisor.exitcode == 0


def test_all_have_loaded_when_the_last_has() -> None:
    loaded = bytearray(2)

    Worker(0, loaded).mark_loaded()
    before = Worker(0, loaded).all_loaded()
    Worker(1, loaded).mark_loaded()

    assert (before, Worker(0, loaded).all_loaded()) == (False, True)
