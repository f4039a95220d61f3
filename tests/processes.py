"""Processes that publish, together or until they are killed at a chosen instant."""

import fcntl
import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from model_store.store import FolderStore
from tests.builders import small_checkpoint

# Forked from a process that has imported torch and done nothing with it: quick and safe.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.builders", "tests.memory"])

_CALLS = {
    os: ("open", "write", "fsync", "link", "unlink", "mkdir", "replace", "close"),
    fcntl: ("flock",),
}
_BYTES_PER_WRITE = 2_500


def start(target: Callable[..., None], *arguments: object) -> BaseProcess:
    """A process that runs the function, which must be one of a module."""
    process = _context.Process(target=target, args=arguments)
    process.start()
    return process


def returned_by(function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
    """What the function, which must be one of a module, returns in a process of its own."""
    receiving, sending = _context.Pipe(duplex=False)
    with receiving, sending:
        process = start(_send, sending, function, *arguments)
        process.join(60)
        assert process.exitcode == 0
        return receiving.recv()


def _send(sending: Connection, function: Callable[..., Any], *arguments: object) -> None:
    sending.send(function(*arguments))


def survives(target: Callable[..., None], *arguments: object) -> bool:
    """Runs the function in a process of its own; false if that was killed."""
    process = start(target, *arguments)
    process.join(60)
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode == 0


def publish(root: Path, name: str, times: int = 1) -> None:
    """Publishes one checkpoint several times."""
    for _ in range(times):
        FolderStore(root).publish(name, small_checkpoint())


def set_aliases(root: Path, name: str, aliases: list[str]) -> None:
    """Sets aliases of version 1 one after the other."""
    for alias in aliases:
        FolderStore(root).set_alias(name, alias, 1)


def killed_at(instant: int, target: Callable[..., None], *arguments: object) -> None:
    """Runs the function and dies at the given instant: just before or after a system call."""
    left = instant

    def tick() -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    for module, names in _CALLS.items():
        for name in names:
            setattr(module, name, _ticking(getattr(module, name), tick, name))
    target(*arguments)


def _ticking(call: Callable[..., Any], tick: Callable[[], None], name: str) -> Callable[..., Any]:
    def called(*arguments: Any, **options: Any) -> object:  # noqa: ANN401 - any system call
        tick()
        if name == "write":  # a file takes several writes, so that it can be torn
            arguments = (arguments[0], arguments[1][:_BYTES_PER_WRITE])
        result = call(*arguments, **options)
        tick()
        return result

    return called
