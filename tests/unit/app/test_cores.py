"""Cores of a quota, whichever kind of control group says it."""

import os
from pathlib import Path

import pytest

from app import cores
from app.cores import available_cores, share_of_cores

V1 = "sys/fs/cgroup/cpu,cpuacct"


@pytest.fixture(autouse=True)
def _machine_of_8_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 8),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "3990000 1000000\n"}, 3),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "9900000 100000\n"}, 8),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "200000 100000\n"}, 2),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/cpu.max": "400000 100000\n",
                "sys/fs/cgroup/a/b/cpu.max": "500000 100000\n",
            },
            4,
        ),
        (
            {
                "proc/self/cgroup": "12:memory:/x\n4:cpu,cpuacct:/docker/1\n0::/\n",
                f"{V1}/cpu.cfs_quota_us": "300000\n",
                f"{V1}/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/\n",
                f"{V1}/cpu.cfs_quota_us": "-1\n",
                f"{V1}/cpu.cfs_period_us": "100000\n",
            },
            8,
        ),
    ],
)
def test_a_quota_counts_in_whole_cores(
    tmp_path: Path, files: dict[str, str], expected: int
) -> None:
    assert available_cores(written(tmp_path, files)) == expected


@pytest.mark.parametrize(
    ("available", "batches", "share"), [(1, 2, 1), (2, 2, 1), (4, 2, 2), (8, 4, 2), (64, 2, 4)]
)
def test_batches_share_the_cores(
    monkeypatch: pytest.MonkeyPatch, available: int, batches: int, share: int
) -> None:
    monkeypatch.setattr(cores, "available_cores", lambda: available)

    assert share_of_cores(batches) == share
