"""How much memory the service takes with several workers, and started once for each of them.

    python -m benchmarks.workers

Serves the digits demo. Pages that processes share are counted once: those of files are what the
process has that has most of them, all others their proportional set sizes. That of files, which is
in the sum on `/metrics`, falls with every other program on the machine that uses the same files.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from benchmarks.page import markdown
from benchmarks.servers import Server, running

PORT = 18_700
NAME = "digits"
WORKERS = (1, 2, 4)
SERVICES = (2,)
QUESTIONS = 20  # of each worker, so that what the first answers need is there


def main() -> None:
    """Print the table."""
    with TemporaryDirectory() as folder:
        store = Path(folder)
        _publish(store)
        rows = [[f"workers of one service: {n}", f"{_megabytes(store, [n]):.0f}"] for n in WORKERS]
        rows += [
            [f"services of one worker: {n}", f"{_megabytes(store, [1] * n):.0f}"] for n in SERVICES
        ]
    print(markdown(["workers", "MB"], rows))


def _publish(store: Path) -> None:
    # In a process that ends: torch here would share its pages with the service's.
    asked = [NAME, "--store", str(store), "--epochs", "1", "--quiet"]
    subprocess.run([sys.executable, "-m", "training", *asked], check=True)


def _megabytes(store: Path, services: Sequence[int]) -> float:
    """Of services with so many workers each, all running at the same time."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(_serving(store, PORT + i, workers))
            for i, workers in enumerate(services)
        ]
        for server, workers in zip(servers, services, strict=True):
            for _ in range(QUESTIONS * workers):
                # Connections, not requests, are shared out among workers.
                httpx.post(f"{server.url}/v1/models/{NAME}/sample", json={}).raise_for_status()
        processes = [process for server in servers for process in _family(server.pid)]
        own = sum(_kibibytes(process / "smaps_rollup", "Pss_Anon") for process in processes)
        own += sum(_kibibytes(process / "smaps_rollup", "Pss_Shmem") for process in processes)
        files = max(_kibibytes(process / "status", "RssFile") for process in processes)
        return (own + files) * 1024 / 1e6


def _serving(store: Path, port: int, workers: int) -> AbstractContextManager[Server]:
    command = ["-m", "app", "--store", str(store), "--port", str(port), "--workers", str(workers)]
    return running(command, port)


def _family(pid: int) -> list[Path]:
    """What the kernel says of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [Path(f"/proc/{of}") for of in (pid, *children)]


def _kibibytes(file: Path, field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB", file.read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"{file} does not say {field}; needed a newer Linux.")
    return int(found[1])


if __name__ == "__main__":
    main()
