"""What the kernel knows of the service's processes, all of them together (Linux)."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_KIBIBYTE = 1024


@dataclass(frozen=True)
class Usage:
    """What the processes use.

    Args:
        workers: How many of the workers run.
        cpu_seconds: What all have computed, those that have ended too.
        resident_bytes: Their memory, with shared pages counted once.
    """

    workers: int
    cpu_seconds: float
    resident_bytes: int


def usage_of(workers: Iterable[int], supervisor: int | None, proc: Path = _PROC) -> Usage | None:
    """What the service uses, or None where the kernel does not say.

    Args:
        workers: Their process ids; one may have ended, and its id be another program's by now.
        supervisor: Process id of their parent; None for the one worker that has none.
        proc: Where the kernel says it.
    """
    if not (proc / "self/stat").exists():
        return None
    found = [(pid, _stat(proc, pid)) for pid in workers]
    own = [(pid, s) for pid, s in found if s and (supervisor is None or s.parent == supervisor)]
    running = [pid for pid, stat in own if not stat.has_ended]
    ticks = sum(stat.ticks for _, stat in own)
    if supervisor is not None and (stat := _stat(proc, supervisor)):
        # A worker's ticks become its parent's when it has ended, so the sum never falls.
        ticks += stat.ticks + stat.ticks_of_ended_children
        memory = sum(_resident_bytes(proc, pid) for pid in (*running, supervisor))
    else:
        memory = sum(_resident_bytes(proc, pid) for pid in running)
    return Usage(len(running), ticks / os.sysconf("SC_CLK_TCK"), memory)


@dataclass(frozen=True)
class _Stat:
    parent: int
    has_ended: bool
    ticks: int
    ticks_of_ended_children: int


def _stat(proc: Path, pid: int) -> _Stat | None:
    try:
        text = (proc / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The name of the program stands in parentheses and may hold anything.
    fields = text.rpartition(")")[2].split()
    user, system, childrens_user, childrens_system = map(int, fields[11:15])
    return _Stat(
        int(fields[1]), fields[0] in {"Z", "X"}, user + system, childrens_user + childrens_system
    )


def _resident_bytes(proc: Path, pid: int) -> int:
    """The process's share of the memory it uses, or where that is kept secret all of it."""
    folder = proc / str(pid)
    try:
        for line in (folder / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * _KIBIBYTE
    except OSError:
        pass
    try:
        return int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
