"""How much memory the service takes with several workers, and started once for each of them.

    python -m benchmarks.workers

Serves the digits demo and reads what the service itself says on `/metrics`: pages that processes
share are counted once. Other programs that use the same installation of Python and torch at that
time would share them too, and make the figures smaller.
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
        rows = [[f"a service of {n} workers", f"{_megabytes(store, [n]):.0f}"] for n in WORKERS]
        rows += [[f"{n} services of one", f"{_megabytes(store, [1] * n):.0f}"] for n in SERVICES]
    print(markdown(["", "MB"], rows))


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
        return sum(_resident_bytes(server) for server in servers) / 1e6


def _serving(store: Path, port: int, workers: int) -> AbstractContextManager[Server]:
    command = ["-m", "app", "--store", str(store), "--port", str(port), "--workers", str(workers)]
    return running(command, port)


def _resident_bytes(server: Server) -> float:
    metrics = httpx.get(f"{server.url}/metrics").text
    found = re.search(r"^process_resident_memory_bytes (\S+)", metrics, re.MULTILINE)
    if found is None:
        raise RuntimeError("The service does not say what memory it has; it needs Linux.")
    return float(found[1])


if __name__ == "__main__":
    main()
