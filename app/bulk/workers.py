"""Processes that score blocks side by side; their verdicts come in the order of the file.

Threads would wait for each other: most of what torch is asked takes less time than to be handed the
interpreter. The processes are forked, so that the model and all that is imported are there at once,
in memory that they share.
"""

import gc
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, islice
from multiprocessing import get_context
from multiprocessing.connection import Connection

import torch

from app.bulk.blocks import Block
from app.bulk.errors import UnavailableError
from app.bulk.scoring import Scorer, Verdicts

_FIRST_FILE = 3  # behind the standard ones


def in_order(
    blocks: Iterable[Block], scorer: Scorer, processes: int
) -> Iterator[tuple[Block, Verdicts]]:
    """Each block with the verdicts on it; one more than there are processes are held at once.

    Args:
        blocks: Read as they are needed. A single one is scored here and now.
        scorer: What is asked.
        processes: How many blocks are computed at the same time, each on a core of its own.

    Raises:
        UnavailableError: a process has ended.
    """
    rest = iter(blocks)
    first = list(islice(rest, 2))
    if len(first) < 2 or processes < 2:
        with _one_thread():
            for block in chain(first, rest):
                yield block, scorer(block.inputs, block.faults)
    else:
        yield from _side_by_side(chain(first, rest), scorer, processes)


def _side_by_side(
    blocks: Iterable[Block], scorer: Scorer, processes: int
) -> Iterator[tuple[Block, Verdicts]]:
    asked: deque[tuple[Block, _Worker]] = deque()
    workers: list[_Worker] = []
    try:
        for block in blocks:
            scored = None
            if len(workers) < processes:
                worker = _Worker(scorer)
                workers.append(worker)
            else:
                # In turn: blocks of a file take as long, and the next one has been read by now.
                oldest, worker = asked.popleft()
                scored = oldest, worker.answer()
            worker.ask(block)
            asked.append((block, worker))
            if scored is not None:
                yield scored
        for block, worker in asked:
            yield block, worker.answer()
    finally:
        for worker in workers:
            worker.stop()


class _Worker:
    """A process that scores a block at a time.

    Args:
        scorer: How.
    """

    def __init__(self, scorer: Scorer) -> None:
        context = get_context("fork")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(scorer, theirs), daemon=True)
        # Ctrl-C comes to all processes of a terminal; what is to be done is the command's to say.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()

    def ask(self, block: Block) -> None:
        """Sends a block, for which it must be idle: nothing else would be read."""
        with self._end_told():
            self._connection.send((block.inputs.numpy(), block.faults))

    def answer(self) -> Verdicts:
        """The verdicts on it, once they are there."""
        with self._end_told():
            verdicts: Verdicts = self._connection.recv()
        return verdicts

    def stop(self) -> None:
        """Ends it, whatever it does: nobody needs that any longer."""
        self._process.kill()
        self._process.join()
        self._connection.close()

    @contextmanager
    def _end_told(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, ConnectionError):
            self._process.join()
            code = self._process.exitcode or 0
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            raise UnavailableError(
                f"A process that scored rows ended with {how}; the same command goes on with the "
                "rows that are left."
            ) from None


def _work(scorer: Scorer, connection: Connection) -> None:
    """What a worker does, until the command has ended."""
    # Open in here as well, the answer would stay locked and no pipe would end with the command.
    os.closerange(_FIRST_FILE, connection.fileno())
    os.closerange(connection.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    # Looking for garbage in memory that is shared would make it this process's own.
    gc.freeze()
    with suppress(EOFError, ConnectionError), _one_thread():
        while True:
            inputs, faults = connection.recv()
            connection.send(scorer(torch.from_numpy(inputs), faults))
    # Python would end with what is the command's: threads, and text that is not written yet.
    os._exit(0)


@contextmanager
def _one_thread() -> Iterator[None]:
    # Blocks side by side are faster than threads that meet in the middle of each, and the numbers
    # are the same however many cores there are.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
