"""What the kernel is asked, and what is made of its answers."""

import os
import time
from pathlib import Path

import pytest

from app.processes import usage_of

TICKS = os.sysconf("SC_CLK_TCK")


def told(proc: Path, pid: int, *, parent: int = 1, state: str = "S", ticks: int = 0) -> Path:
    """A process as the kernel tells of it, its ended children with 1000 times its ticks."""
    folder = proc / str(pid)
    folder.mkdir()
    zeros = "0 " * 9
    times = f"{ticks} {ticks} {1000 * ticks} {1000 * ticks}"
    (folder / "stat").write_text(f"{pid} (vae ) S 9) {state} {parent} {zeros}{times} 0 0")
    (folder / "smaps_rollup").write_text("Rss: 900 kB\nPss: 100 kB\nPss_Dirty: 7 kB\n")
    (folder / "statm").write_text("5 3 1")
    return folder


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/stat").touch()
    return tmp_path


def test_memory_of_all_is_the_sum_of_their_shares(proc: Path) -> None:
    told(proc, 10)
    for worker in (11, 12):
        told(proc, worker, parent=10)

    usage = usage_of([11, 12], 10, proc)

    assert usage
    assert (usage.workers, usage.resident_bytes) == (2, 3 * 100 * 1024)


def test_time_of_those_that_ended_is_their_parents(proc: Path) -> None:
    told(proc, 10, ticks=1)
    told(proc, 11, parent=10, ticks=5)

    usage = usage_of([11, 12], 10, proc)

    assert usage
    assert usage.cpu_seconds * TICKS == 2 + 2000 + 10


def test_one_that_ended_unseen_counts_until_its_parent_has_seen_it(proc: Path) -> None:
    told(proc, 10)
    told(proc, 11, parent=10, state="Z", ticks=5)

    usage = usage_of([11], 10, proc)

    assert usage
    assert (usage.workers, usage.cpu_seconds * TICKS) == (0, 10)


def test_another_program_that_has_its_id_does_not_count(proc: Path) -> None:
    told(proc, 10)
    told(proc, 11, parent=1, ticks=5)

    usage = usage_of([11], 10, proc)

    assert usage
    assert (usage.workers, usage.cpu_seconds) == (0, 0)


def test_where_shares_are_secret_the_whole_counts(proc: Path) -> None:
    (told(proc, 10) / "smaps_rollup").unlink()

    usage = usage_of([10], None, proc)

    assert usage
    assert usage.resident_bytes == 3 * os.sysconf("SC_PAGE_SIZE")


def test_one_that_ends_meanwhile_has_no_memory(proc: Path) -> None:
    folder = told(proc, 10)
    for file in ("smaps_rollup", "statm"):
        (folder / file).unlink()

    usage = usage_of([10], None, proc)

    assert usage
    assert usage.resident_bytes == 0


def test_without_a_kernel_that_tells_nothing_is_known(tmp_path: Path) -> None:
    assert usage_of([os.getpid()], None, tmp_path) is None


def test_this_process_is_as_the_kernel_says() -> None:
    usage = usage_of([os.getpid()], None)

    assert usage
    assert usage.workers == 1
    assert usage.cpu_seconds == pytest.approx(time.process_time(), abs=0.5)
    assert usage.resident_bytes > 10_000_000
