"""Other model servers, those that are installed: in this environment, or in one of their own.

    BENCHMARK_BENTOML_PYTHON=~/bentoml/bin/python python -m benchmarks.serving --only contenders

An environment of its own needs what `benchmarks.contenders` imports: torch, safetensors, pydantic
and jaxtyping. `pip install .[bench]` puts into this one what goes with the versions pinned here.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from benchmarks.comparison import Comparison
from benchmarks.questions import ELBO, JSON, Sent, rows_of
from benchmarks.servers import Server, running, serving
from benchmarks.serving.agreement import check_agreement
from benchmarks.serving.turns import OURS_PORT, THEIRS_PORT, Turns


@dataclass(frozen=True)
class Contender:
    """Another server.

    Args:
        name: Its package.
        arguments: Of Python, for the store in a folder and a port.
        ready: The path that answers 200 once it serves.
    """

    name: str
    arguments: Callable[[Path, int], Sequence[str]]
    ready: str = "/readyz"
    python: str = field(init=False)

    def __post_init__(self) -> None:
        own = os.environ.get(f"BENCHMARK_{self.name.upper()}_PYTHON", sys.executable)
        object.__setattr__(self, "python", own)

    @property
    def is_installed(self) -> bool:
        """Whether its interpreter finds it."""
        code = f"import importlib.util, sys; sys.exit(not importlib.util.find_spec('{self.name}'))"
        return subprocess.run([self.python, "-c", code], check=False).returncode == 0


CONTENDERS = (
    Contender(
        "litserve",
        lambda root, port: ["-m", "benchmarks.contenders.litserve_service", str(root), str(port)],
    ),
    Contender(
        "mlserver",
        lambda root, port: ["-m", "benchmarks.contenders.mlserver_service", str(root), str(port)],
        ready="/v2/health/ready",
    ),
    Contender(
        "bentoml",
        lambda _, port: [
            *["-m", "bentoml", "serve", "benchmarks.contenders.bentoml_service:Elbo"],
            *["--host", "127.0.0.1", "--port", str(port)],
        ],
    ),
)


def compare(root: Path, turns: Turns) -> Iterator[Comparison]:
    """One row on many connections and many rows on few, where installed."""
    with serving(root, OURS_PORT) as ours:
        for contender in CONTENDERS:
            if not contender.is_installed:
                Console().print(f"{contender.name} is not installed; not compared.")
                continue
            yield from _against(contender, root, ours, turns)


def _against(contender: Contender, root: Path, ours: Server, turns: Turns) -> Iterator[Comparison]:
    variables = {"BENCHMARK_STORE": str(root)}
    arguments, ready = contender.arguments(root, THEIRS_PORT), contender.ready
    with running(
        arguments, THEIRS_PORT, ready=ready, python=contender.python, variables=variables
    ) as theirs:
        check_agreement(ours, theirs)
        for rows, connections in ((1, 64), (256, 4)):
            sent = Sent.of(rows_of(rows), ELBO, JSON)
            yield Comparison(
                f"{rows} x 784 as JSON, {connections} connections, baseline {contender.name}, "
                "requests/s",
                *turns.throughput(ours, theirs, sent, connections=connections),
            )
