"""This service against a naive route, an echo, the network alone, and other model servers.

    python -m benchmarks.serving [--only throughput] [--rounds 5] [--seconds 4] [--into FILE]

The servers have core 0 to themselves and the load comes from core 1, so it needs two cores, Linux
and `wrk` (Debian: `apt-get install wrk`). The answers are compared before anything is timed.
"""

import os
import tempfile
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.comparison import Comparison, print_comparisons
from benchmarks.load import LOAD_CORE, require_wrk
from benchmarks.machine import describe_machine
from benchmarks.measured_model import publish_model
from benchmarks.record import keep
from benchmarks.serving import contenders, footprint, latency, memory, mixed, throughput
from benchmarks.serving.turns import Turns

Part = Callable[[Path, Turns], Iterable[Comparison]]

PARTS: dict[str, Part] = {
    "throughput": throughput.compare,
    "latency": latency.compare,
    "mixed": mixed.compare,
    "footprint": footprint.compare,
    "memory": memory.compare,
    "contenders": contenders.compare,
}

PartName = StrEnum("PartName", {name: name for name in PARTS})  # type: ignore[misc]


def main(
    only: Annotated[list[PartName] | None, typer.Option(help="A part; all if not given.")] = None,
    rounds: Annotated[int, typer.Option(help="Turns of each contender.")] = 5,
    seconds: Annotated[int, typer.Option(help="Length of each turn.")] = 4,
    into: Annotated[Path | None, typer.Option(help="A record to keep the figures in.")] = None,
) -> None:
    """Measure, and print a table for each part."""
    require_wrk()
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("This benchmark needs two cores: one for the servers, one for the load.")
    # Whoever waits for a server must not wait for its core.
    os.sched_setaffinity(0, {LOAD_CORE})
    Console().print(describe_machine(), soft_wrap=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        publish_model(root)
        for part in only or PARTS:
            compared = list(PARTS[str(part)](root, Turns(rounds, seconds)))
            print_comparisons(compared)
            if into:
                keep(compared, into)


if __name__ == "__main__":
    typer.run(main)
