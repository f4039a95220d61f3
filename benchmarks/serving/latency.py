"""How long one client waits for one row: half of its answers take no longer."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.comparison import Comparison
from benchmarks.questions import ELBO, JSON, Sent, rows_of
from benchmarks.servers import Server, echo_serving, serving
from benchmarks.serving.turns import OURS_PORT, THEIRS_PORT, Turns


def compare(root: Path, turns: Turns) -> Iterator[Comparison]:
    """Against a FastAPI route that sends the body back."""
    row = Sent.of(rows_of(1), ELBO, JSON)
    with serving(root, OURS_PORT) as ours, echo_serving("fastapi", THEIRS_PORT) as echo:

        def milliseconds(server: Server) -> float:
            return turns.load_of(server, row, connections=1).median_ms

        yield Comparison(
            "1 row as JSON, 1 connection, baseline a FastAPI echo, median ms",
            *turns.measure(lambda: milliseconds(ours), lambda: milliseconds(echo)),
            goal=2.0,
            more_is_better=False,
            moonshot=1.3,
        )
