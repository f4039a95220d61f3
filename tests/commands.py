"""The project's commands as processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def request(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
