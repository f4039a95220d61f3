"""The project's commands as processes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.builders import small_store

BIN = Path(sys.executable).parent
START_SECONDS = 60


@contextmanager
def process(*command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [str(BIN / command[0]), *command[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def finished(*arguments: str, **environment: str) -> tuple[int, str]:
    with process("vae-serve", *arguments, **environment) as running:
        _, errors = running.communicate(timeout=START_SECONDS)
        return running.returncode, errors


def announced(running: subprocess.Popen[str]) -> tuple[str, str]:
    """The address of the API page and the line to try."""
    assert running.stdout
    page, line = running.stdout.readline(), running.stdout.readline()
    return page.removeprefix("API page: ").strip(), line.removeprefix("Try: ").strip()


@contextmanager
def two_workers(store: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The supervisor and the address, once all is ready."""
    small_store(store, "m")
    command = ("vae-serve", "--store", str(store), "--port", "0", "--workers", "2")
    with process(*command) as running:
        yield running, announced(running)[0].removesuffix("/docs")


def workers_of(supervisor: subprocess.Popen[str]) -> list[int]:
    text = Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children").read_text()
    return [int(pid) for pid in text.split()]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def request(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
