"""What many small requests notice of one client's large ones: the 99th percentile of their time."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.comparison import Comparison
from benchmarks.connection import Connection
from benchmarks.load import LOAD_CORE
from benchmarks.questions import ELBO, JSON, SAFETENSORS, Sent, rows_of
from benchmarks.servers import Server, serving
from benchmarks.serving.turns import OURS_PORT, Turns

LARGE, CONNECTIONS = 10_000, 64


def compare(root: Path, turns: Turns) -> Iterator[Comparison]:
    """With and without a client that sends one large request after the other."""
    row = Sent.of(rows_of(1), ELBO, JSON)
    with serving(root, OURS_PORT) as server:

        def p99() -> float:
            return turns.load_of(server, row, connections=CONNECTIONS).p99_ms

        for media_type, name in ((JSON, "JSON"), (SAFETENSORS, "safetensors")):
            large = Sent.of(rows_of(LARGE), ELBO, media_type)

            def beside(large: Sent = large) -> float:
                with large_client(server, large):
                    return p99()

            yield Comparison(
                f"1 row, {CONNECTIONS} connections, beside {LARGE:,} rows as {name}, "
                "baseline alone, p99 ms",
                *turns.measure(beside, p99),
                goal=10.0,
                more_is_better=False,
                moonshot=3.0,
            )


@contextmanager
def large_client(server: Server, sent: Sent) -> Iterator[None]:
    """A client that asks again as soon as it is answered, from before to after the block.

    Raises:
        RuntimeError: it was refused, or never answered.
    """
    over, answered, failures = threading.Event(), threading.Event(), list[Exception]()

    def ask() -> None:
        # Of this thread only.
        os.sched_setaffinity(0, {LOAD_CORE})
        connection = Connection(server.port)
        try:
            while not over.is_set():
                connection.post(sent.path, sent.body, sent.media_type)
                answered.set()
        except (OSError, RuntimeError) as error:
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        answered.wait(timeout=60)
        answered.clear()
        yield
    finally:
        over.set()
        thread.join()
    if failures or not answered.is_set():
        raise RuntimeError("The large requests were not answered.") from next(iter(failures), None)
