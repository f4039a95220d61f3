"""Several processes that do the same, kept alive by one that does nothing else.

They are forked from a process that has imported everything and computed nothing: its memory is
theirs as long as nobody writes to it, and a new one starts in milliseconds. The supervisor has no
thread and no event loop; it sleeps until a signal comes.
"""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from mmap import mmap
from multiprocessing.process import BaseProcess

from app.shared_numbers import SharedNumbers

log = logging.getLogger(__name__)

_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGALRM}
# One that dies at once, again and again, shall not take all the time there is.
_SECONDS_BETWEEN_STARTS = 1.0


class WorkerEndedError(Exception):
    """A worker ended before it was ready for the first time."""


@dataclass(frozen=True, eq=False)
class Worker:
    """One of the processes, as it sees itself.

    Args:
        number: From 0 on.
        loaded: A byte for every worker, 1 once it has loaded its models, in memory they share.
        replaces_another: Whether one of its number has been there before.
        supervisor: A file descriptor that ends when the supervisor does; None without one.
        numbers: What the workers count, in memory they share.
    """

    number: int
    loaded: mmap | bytearray
    replaces_another: bool = False
    supervisor: int | None = None
    numbers: SharedNumbers = field(default_factory=SharedNumbers)

    @classmethod
    def alone(cls) -> "Worker":
        """The process of a service that has no workers."""
        return cls(0, bytearray(b"\x01"))

    def mark_loaded(self) -> None:
        """Tells the others. Nobody takes it back: whoever replaces a worker loads unseen."""
        self.loaded[self.number] = 1

    def all_loaded(self) -> bool:
        """Whether every worker has loaded its models."""
        return all(self.loaded[:])


def supervise(workers: int, work: Callable[[Worker], None], *, patience_seconds: float) -> None:
    """Runs `work` in so many processes until SIGTERM or Ctrl-C; replaces those that end.

    Args:
        workers: How many.
        work: What each of them does; it ends by itself after SIGTERM.
        patience_seconds: How long after SIGTERM; then it is killed.

    Raises:
        WorkerEndedError: one ended before all had loaded their models.
    """
    supervisor = _Supervisor(workers, work)
    # Waited for, not handled: nothing is interrupted, and none is missed.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        for number in range(workers):
            supervisor.start(number)
        while signal.sigwait(_SIGNALS) in {signal.SIGCHLD, signal.SIGALRM}:
            supervisor.replace_ended()
    finally:
        supervisor.stop(patience_seconds)


class _Supervisor:
    def __init__(self, workers: int, work: Callable[[Worker], None]) -> None:
        self._work = work
        self._loaded = mmap(-1, workers)
        self._numbers = SharedNumbers(workers)
        self._theirs, self._own = os.pipe()
        self._processes: dict[int, BaseProcess] = {}
        self._started: dict[int, float] = {}

    def start(self, number: int) -> None:
        replaces_another = number in self._processes
        worker = Worker(number, self._loaded, replaces_another, self._theirs, self._numbers)
        context = multiprocessing.get_context("fork")
        process = context.Process(target=self._run, args=(worker,), daemon=True)
        process.start()
        self._processes[number] = process
        self._started[number] = time.monotonic()

    def _run(self, worker: Worker) -> None:
        """In the new process: nobody but the supervisor may hold the pipe's own end."""
        os.close(self._own)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        self._work(worker)

    def replace_ended(self) -> None:
        for number, process in self._processes.items():
            if process.exitcode is None:
                continue
            ended = f"Worker {number} (process {process.pid}) ended with {_told(process.exitcode)}"
            if not all(self._loaded[:]):
                raise WorkerEndedError(f"{ended} while the service started; its log tells more.")
            wait = self._started[number] + _SECONDS_BETWEEN_STARTS - time.monotonic()
            if wait > 0:
                signal.setitimer(signal.ITIMER_REAL, wait)
            else:
                log.error("%s; another takes its place.", ended)
                self.start(number)

    def stop(self, patience_seconds: float) -> None:
        for process in self._processes.values():
            process.terminate()
        deadline = time.monotonic() + patience_seconds
        signal.setitimer(signal.ITIMER_REAL, patience_seconds)
        while any(process.exitcode is None for process in self._processes.values()):
            signal.sigwait(_SIGNALS)
            if time.monotonic() >= deadline:
                for process in self._processes.values():
                    process.kill()


def _told(exit_code: int) -> str:
    return signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"
