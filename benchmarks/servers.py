"""Services as processes, on a core of their own."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE = 0
START_SECONDS = 60.0
END_SECONDS = 10.0


@dataclass(frozen=True)
class Server:
    """A running service: its process and where it listens."""

    pid: int
    port: int

    @property
    def url(self) -> str:
        """Address for clients on this machine."""
        return f"http://127.0.0.1:{self.port}"

    def reset_peak_memory(self) -> None:
        """Make the peak start again from what is held now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def memory_bytes(self, field: str) -> int:
        """`VmRSS`, what is held now, or `VmHWM`, the most that was."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith(f"{field}:"))
        return int(line.split()[1]) * 1024

    def busy_seconds(self) -> float:
        """Time that its threads have had a core."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def serving(root: Path, port: int) -> Iterator[Server]:
    """This project's service."""
    command = ["-m", "app", "--store", str(root), "--port", str(port)]
    with running(command, port) as server:
        yield server


@contextmanager
def naive_serving(root: Path, port: int) -> Iterator[Server]:
    """The naive service on the same server software."""
    with running(["-m", "benchmarks.naive_service", str(root), str(port)], port) as server:
        yield server


@contextmanager
def echo_serving(kind: str, port: int) -> Iterator[Server]:
    """A server that sends bodies back: `bare`, or with `fastapi`."""
    with running(["-m", "benchmarks.echo_service", kind, str(port)], port) as server:
        yield server


@contextmanager
def running(
    arguments: Sequence[str],
    port: int,
    *,
    ready: str = "/readyz",
    python: str = sys.executable,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A process from when it answers until it and all it started have ended.

    torch sees one core and takes it.

    Args:
        arguments: Of Python.
        port: Where it will listen.
        ready: The path that answers 200 once it serves.
        python: The interpreter.
        variables: Added to its environment.

    Raises:
        RuntimeError: the port is taken, or the process does not become ready.
    """
    if _is_ready(port, ready):
        raise RuntimeError(f"Something answers on port {port} already; it must be free.")
    pinned = ["taskset", "--cpu-list", str(SERVER_CORE), python, *arguments]
    with subprocess.Popen(
        pinned,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, **(variables or {})},
    ) as process:
        try:
            wait_until_ready(process, port, ready)
            yield Server(process.pid, port)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asks it to, and then does not ask those of its processes that are left."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=END_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_until_ready(process: subprocess.Popen[bytes], port: int, path: str = "/readyz") -> None:
    """Return when the path says yes.

    Raises:
        RuntimeError: the process ended, or took longer than a minute.
    """
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _is_ready(port, path):
            return
        time.sleep(0.005)
    raise RuntimeError(f"{process.args!r} was not ready in time.")


def _is_ready(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
