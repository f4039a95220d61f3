"""The two services as processes, on a core of their own."""

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE = 0
START_SECONDS = 60.0


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


@contextmanager
def serving(root: Path, port: int) -> Iterator[Server]:
    """This project's service."""
    command = ["-m", "app", "--store", str(root), "--port", str(port)]
    with _running(command, port) as server:
        yield server


@contextmanager
def naive_serving(root: Path, port: int) -> Iterator[Server]:
    """The naive service on the same server software."""
    with _running(["-m", "benchmarks.naive_service", str(root), str(port)], port) as server:
        yield server


@contextmanager
def echo_serving(kind: str, port: int) -> Iterator[Server]:
    """A server that sends bodies back: `bare`, or with `fastapi`."""
    with _running(["-m", "benchmarks.echo_service", kind, str(port)], port) as server:
        yield server


@contextmanager
def _running(arguments: Sequence[str], port: int) -> Iterator[Server]:
    """The process from when it answers until it has ended; torch sees one core and takes it."""
    if _is_ready(port):
        raise RuntimeError(f"Something answers on port {port} already; it must be free.")
    pinned = ["taskset", "--cpu-list", str(SERVER_CORE), sys.executable, *arguments]
    with subprocess.Popen(pinned, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until_ready(process, port)
            yield Server(process.pid, port)
        finally:
            process.terminate()


def wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    """Return when /readyz says yes.

    Raises:
        RuntimeError: the process ended, or took longer than a minute.
    """
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _is_ready(port):
            return
        time.sleep(0.005)
    raise RuntimeError(f"{process.args!r} was not ready in time.")


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
