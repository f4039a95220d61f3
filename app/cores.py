"""How many cores this process may use: of a container's quota, not of the machine around it."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# Batches are small: more threads would mostly wait for each other.
_MOST_THREADS = 4


def share_of_cores(batches: int) -> int:
    """Threads for each of so many batches that are computed at the same time."""
    return min(max(1, available_cores() // batches), _MOST_THREADS)


def available_cores(root: Path = Path("/")) -> int:
    """Whole cores, at least 1.

    A part of a core is left out: a thread more than the quota pays for stops them all until the
    next period.

    Args:
        root: Where `proc` and `sys` are.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, int(min([allowed or 1, *_quotas(root)])))


def _quotas(root: Path) -> Iterator[float]:
    """The quota, in cores, of each control group that the process is in and that has one."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, read = "", _quota_v2
        elif "cpu" in controllers.split(","):
            mount, read = controllers, _quota_v1
        else:
            continue
        group = PurePosixPath(path.lstrip("/"))
        # A limit of a group above holds too. In a container its own group may be the mount's root.
        for each in (group, *group.parents):
            quota = read(root / "sys/fs/cgroup" / mount / each)
            if quota is not None:
                yield quota


def _quota_v2(group: Path) -> float | None:
    words = _words(group / "cpu.max")
    return _cores(*words) if len(words) == 2 else None


def _quota_v1(group: Path) -> float | None:
    words = _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us")
    return _cores(*words) if len(words) == 2 else None


def _cores(quota: str, period: str) -> float | None:
    """`max` or -1 is no quota."""
    return int(quota) / int(period) if quota.isdecimal() and int(period) > 0 else None


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []
