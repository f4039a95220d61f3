"""Rows per second of the arithmetic: in process, through the batcher, and over HTTP.

    python -m benchmarks.inference [--rounds 5] [--seconds 0.5] [--into docs/performance.json]

Everything that computes has core 0 to itself, one thread of it, and one client waits on core 1 for
each answer before it sends the next question; so it needs two cores and Linux. The answers are
compared before anything is timed, and contenders take turns.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from app.inference import Inference
from app.loaded_model import LoadedModel
from app.metrics import Metrics
from app.settings import Settings
from app.workers import Worker
from benchmarks.comparison import FLAT, WIDTH, Comparison, print_comparisons
from benchmarks.load import LOAD_CORE
from benchmarks.measured_model import MODEL, NAME, publish_model
from benchmarks.plain_scoring import log_likelihood, network_alone
from benchmarks.questions import (
    ELBO,
    JSON,
    LOG_LIKELIHOOD,
    LOOP,
    NETWORK,
    SAFETENSORS,
    Call,
    Question,
    answer_of,
    over_http,
    rows_of,
)
from benchmarks.record import keep
from benchmarks.servers import SERVER_CORE, Server, serving
from model_store.build import build_vae
from model_store.store import FolderStore
from model_store.vae.model import VAE

PORT = 18_421
# Bodies of 65,536 rows are larger than the default limit.
BODY_BYTES = 2**29
IN_PROCESS, HTTP = "in process", "HTTP, safetensors"


@dataclass
class Contenders:
    """Ways to have a question answered, and the core that the caller of each runs on."""

    calls: dict[str, Call]
    cores: Mapping[str, int]
    # Rows per second by name and number of rows, one number for each round.
    measured: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    def measure(self, x: Tensor, *, rounds: int, seconds: float) -> None:
        """Each in every round; a first turn of each is not counted."""
        for number in range(-1, rounds):
            for name, call in self.calls.items():
                os.sched_setaffinity(0, {self.cores.get(name, SERVER_CORE)})
                rate = rows_per_second(call, x, seconds=seconds)
                if number >= 0:
                    self.measured.setdefault((name, len(x)), []).append(rate)

    def compare(self, name: str, rows: int, *, ours: str, theirs: str) -> Comparison:
        """What two of them did with so many rows."""
        return Comparison(
            name, self.measured[ours, rows], self.measured[theirs, rows], 1.0, moonshot=2.0
        )

    def flatness(self, name: str, contender: str, counts: Sequence[int]) -> Comparison:
        """The slowest rows of one of them over its fastest, whatever their number."""
        rounds = list(zip(*(self.measured[contender, count] for count in counts), strict=True))
        slowest, fastest = [min(rates) for rates in rounds], [max(rates) for rates in rounds]
        return Comparison(name, slowest, fastest, FLAT)


def main(
    rounds: Annotated[int, typer.Option(help="Turns of each contender.")] = 5,
    seconds: Annotated[float, typer.Option(help="Shortest length of each turn.")] = 0.5,
    into: Annotated[Path | None, typer.Option(help="A record to keep the figures in.")] = None,
) -> None:
    """Measure and print a table for each question, the goals, and the memory."""
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("This benchmark needs two cores: one that computes, one for the client.")
    # Before torch starts a thread, so that the service's share of the cores is one.
    os.sched_setaffinity(0, {SERVER_CORE})
    os.environ["VAE_MAX_BODY_BYTES"] = str(BODY_BYTES)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        publish_model(root)
        with serving(root, PORT) as server:
            measured = {}
            for question in (ELBO, LOG_LIKELIHOOD):
                with contenders_for(question, root, server) as contenders:
                    measured[question.route] = contenders
                    for count in question.rows:
                        x = rows_of(count)
                        check_agreement(contenders, x)
                        contenders.measure(x, rounds=rounds, seconds=seconds)
                print_rates(question, contenders)
            compared = goals(measured[ELBO.route], measured[LOG_LIKELIHOOD.route])
            print_comparisons(compared)
            if into:
                keep(compared, into)
            print_memory(server)


def goals(elbo: Contenders, log_likelihood: Contenders) -> list[Comparison]:
    """What is aimed at, as ratios of what was measured in turns."""
    counts = ELBO.rows[1:]
    flat = f"elbo {{}}, {counts[0]} to {counts[-1]:,} rows: slowest, baseline fastest, rows/s"
    return [
        log_likelihood.compare(
            "log-likelihood of 64 rows x 256 samples over HTTP, baseline a torch loop, rows/s",
            64,
            ours=HTTP,
            theirs=LOOP,
        ),
        elbo.flatness(flat.format("in process"), IN_PROCESS, counts),
        elbo.flatness(flat.format("over HTTP on one connection"), HTTP, counts),
    ]


def rows_per_second(call: Call, x: Tensor, *, seconds: float) -> float:
    """Of one call after the other, for so long at least."""
    started, calls = time.perf_counter(), 0
    while (took := time.perf_counter() - started) < seconds or not calls:
        call(x)
        calls += 1
    return calls * len(x) / took


@contextmanager
def contenders_for(question: Question, root: Path, server: Server) -> Iterator[Contenders]:
    """All of them; they share the weights and the noise."""
    model = LoadedModel.read(FolderStore(root), NAME, 1)
    plain = build_vae(MODEL)
    plain.load_state_dict(model.vae.state_dict())
    inference = Inference(Settings(store=root), Metrics(Worker.alone()))
    with asyncio.Runner() as runner:

        def through_batcher(x: Tensor) -> Tensor:
            found = []

            async def ask() -> None:
                asked = inference.run(question.estimator, model, {"inputs": x}, **question.options)
                # Not as the coroutine's result, of which asyncio makes a string.
                found.append(answer_of(await asked, question))

            runner.run(ask())
            return found[0]

        calls = {
            question.plain: plain_call(question, plain),
            IN_PROCESS: lambda x: answer_of(
                question.estimator(model.vae, x, **question.options), question
            ),
            "batcher": through_batcher,
            HTTP: over_http(server, question, SAFETENSORS),
            "HTTP, JSON": over_http(server, question, JSON),
        }
        cores = {name: LOAD_CORE for name in calls if name.startswith("HTTP")}
        yield Contenders(calls, cores)
    inference.close()


def plain_call(question: Question, vae: VAE) -> Call:
    """The baseline of the question."""
    if question.plain == NETWORK:
        return lambda x: network_alone(vae, x)
    return lambda x: log_likelihood(vae, x, **question.options)


def check_agreement(contenders: Contenders, x: Tensor) -> None:
    """All that give a number for each row must give the same, or there is nothing to compare."""
    answers = {name: call(x) for name, call in contenders.calls.items() if name != NETWORK}
    expected = answers[IN_PROCESS]
    for found in answers.values():
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=0)


def print_rates(question: Question, contenders: Contenders) -> None:
    """Medians with their smallest and largest; a line for each number of rows."""
    table = Table(f"{question.route}, rows/s", *contenders.calls, box=None)
    for count in question.rows:
        cells = (
            f"{_short(statistics.median(rates))} ({_short(min(rates))}-{_short(max(rates))})"
            for name in contenders.calls
            if (rates := contenders.measured[name, count])
        )
        table.add_row(f"{count:,}", *cells)
    Console(width=WIDTH).print(table)


def _short(rate: float) -> str:
    """Three digits, thousands as k."""
    return f"{rate / 1000:.3g}k" if rate >= 1000 else f"{rate:.3g}"


def print_memory(server: Server) -> None:
    """The server's peak for larger and larger questions, above what it held before each."""
    ask = over_http(server, ELBO, SAFETENSORS)
    for count in ELBO.rows[2:]:
        x = rows_of(count)
        before = server.memory_bytes("VmRSS")
        server.reset_peak_memory()
        ask(x)
        above = server.memory_bytes("VmHWM") - before
        body = x.nbytes
        Console().print(
            f"elbo of {count:,} rows, a body of {body / 2**20:,.1f} MiB: "
            f"{above / 2**20:,.1f} MiB above the {before / 2**20:,.0f} MiB held before"
        )


if __name__ == "__main__":
    typer.run(main)
