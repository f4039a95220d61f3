"""This service against a naive route and an echo: throughput, latency, memory, time until ready.

    python -m benchmarks.serving [--rounds 5] [--seconds 4]

The servers have core 0 to themselves and the load comes from core 1, so it needs two cores, Linux
and `wrk` (Debian: `apt-get install wrk`). The answers are compared before anything is timed.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
import numpy as np
import orjson
import typer
from rich.console import Console

from app.client import VaeClient
from benchmarks.comparison import Comparison, in_turns, print_comparisons
from benchmarks.load import requests_per_second, require_wrk
from benchmarks.measured_model import NAME, PIXELS, publish_model
from benchmarks.servers import Server, echo_serving, naive_serving, serving, wait_until_ready

OUR_PORT = 18_411
NAIVE_PORT = 18_412
BARE_PORT = 18_413
FASTAPI_PORT = 18_414
MEMORY_GOAL_BYTES = 2**30


@dataclass(frozen=True)
class Workload:
    """One kind of request, on so many connections, and the ratio aimed at."""

    name: str
    rows: int
    connections: int
    goal: float


WORKLOADS = (
    Workload("elbo of 1 row, 64 connections, requests/s", 1, 64, 6.0),
    Workload(f"elbo of 256 x {PIXELS}, 8 connections, requests/s", 256, 8, 4.0),
)

BARE = Workload("the same, baseline a bare uvicorn echo, requests/s", 1, 64, 0.4)


def main(
    rounds: Annotated[int, typer.Option(help="Turns of each contender.")] = 5,
    seconds: Annotated[int, typer.Option(help="Length of each turn.")] = 4,
) -> None:
    """Measure and print two small tables."""
    require_wrk()
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("This benchmark needs two cores: one for the servers, one for the load.")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        publish_model(root)
        with ExitStack() as stack:
            ours = stack.enter_context(serving(root, OUR_PORT))
            theirs = stack.enter_context(naive_serving(root, NAIVE_PORT))
            check_agreement(ours, theirs)
            comparisons = [
                compare_throughput(ours, theirs, workload, rounds=rounds, seconds=seconds)
                for workload in WORKLOADS
            ]
        comparisons += compare_echoes(root, rounds=rounds, seconds=seconds)
        comparisons.append(compare_start(root, rounds=rounds))
        print_comparisons(comparisons)
        print_memory(root, rows=1_000, samples=1_000)
        print_memory(root, rows=200, samples=10_000)


def body_of(rows: int) -> bytes:
    """An elbo question about random black and white images."""
    images = np.random.default_rng(0).integers(0, 2, (rows, PIXELS)).astype(np.float64)
    question = {"inputs": images, "num_samples": 1}
    return orjson.dumps(question, option=orjson.OPT_SERIALIZE_NUMPY)


def check_agreement(ours: Server, theirs: Server) -> None:
    """Both must give the same numbers, or there is nothing to compare."""
    urls = [f"{server.url}/v1/models/{NAME}/elbo" for server in (ours, theirs)]
    ours_says, theirs_says = (
        httpx.post(url, content=body_of(256), headers={"Content-Type": "application/json"}).json()
        for url in urls
    )
    for term in ("elbo", "reconstruction", "kl_divergence"):
        np.testing.assert_allclose(ours_says[term], theirs_says[term], rtol=1e-5)


def compare_throughput(
    ours: Server, theirs: Server, workload: Workload, *, rounds: int, seconds: int
) -> Comparison:
    """Requests per second."""
    body = body_of(workload.rows)

    def throughput(server: Server) -> float:
        return requests_per_second(server, body, connections=workload.connections, seconds=seconds)

    measured = in_turns(lambda: throughput(ours), lambda: throughput(theirs), rounds=rounds)
    return Comparison(workload.name, *measured, workload.goal)


def compare_echoes(root: Path, *, rounds: int, seconds: int) -> list[Comparison]:
    """Against bodies that are only sent back: many connections, and one whose latency counts."""
    body = body_of(1)
    with ExitStack() as stack:
        ours = stack.enter_context(serving(root, OUR_PORT))
        bare = stack.enter_context(echo_serving("bare", BARE_PORT))
        fastapi = stack.enter_context(echo_serving("fastapi", FASTAPI_PORT))

        def milliseconds(server: Server) -> float:
            return 1000 / requests_per_second(server, body, connections=1, seconds=seconds)

        latency = in_turns(lambda: milliseconds(ours), lambda: milliseconds(fastapi), rounds=rounds)
        name = "latency of 1 row, 1 connection, baseline a FastAPI echo, ms"
        return [
            compare_throughput(ours, bare, BARE, rounds=rounds, seconds=seconds),
            Comparison(name, *latency, 2.0, more_is_better=False),
        ]


def compare_start(root: Path, *, rounds: int) -> Comparison:
    """From the command to ready, against the imports that no such service can do without."""
    measured = in_turns(lambda: seconds_until_ready(root), seconds_to_import, rounds=rounds)
    return Comparison(
        "start until ready, baseline `import torch, fastapi`, s",
        *measured,
        2.0,
        more_is_better=False,
    )


def seconds_until_ready(root: Path) -> float:
    """Of `vae-serve` with one model."""
    command = [sys.executable, "-m", "app", "--store", str(root), "--port", str(OUR_PORT)]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until_ready(process, OUR_PORT)
            return time.perf_counter() - started
        finally:
            process.terminate()


def seconds_to_import() -> float:
    """Of Python with torch and fastapi."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch, fastapi"], check=True)
    return time.perf_counter() - started


def print_memory(root: Path, *, rows: int, samples: int) -> None:
    """The peak of a large question above the idle server."""
    x = np.random.default_rng(0).integers(0, 2, (rows, PIXELS))
    with serving(root, OUR_PORT) as server, VaeClient(server.url, timeout_seconds=600) as client:
        idle = server.memory_bytes("VmRSS")
        server.reset_peak_memory()
        started = time.perf_counter()
        client.model(NAME).log_likelihood(x, num_samples=samples)
        took = time.perf_counter() - started
        above = server.memory_bytes("VmHWM") - idle
    verdict = "met" if above < MEMORY_GOAL_BYTES else "missed"
    Console().print(
        f"log-likelihood of {rows:,} x {PIXELS} with {samples:,} samples: "
        f"{above / 2**20:,.0f} MiB above the idle server's {idle / 2**20:,.0f} MiB "
        f"(goal < 1,024: {verdict}), {took:.1f} s"
    )


if __name__ == "__main__":
    typer.run(main)
