"""Requests per second: against a naive route, an echo, and the network alone."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.comparison import FLAT, Comparison
from benchmarks.load import LOAD_CORE
from benchmarks.measured_model import MODEL, NAME, PIXELS
from benchmarks.plain_scoring import network_alone
from benchmarks.questions import ELBO, JSON, SAFETENSORS, Sent, in_several_digits, rows_of
from benchmarks.servers import SERVER_CORE, Server, echo_serving, naive_serving, serving
from benchmarks.serving.agreement import check_agreement
from benchmarks.serving.turns import OURS_PORT, THEIRS_PORT, Turns
from model_store.build import build_vae
from model_store.store import FolderStore

MANY, FEW, ROWS = 64, 4, 256
# Of more rows there would be too few answers in a turn to count.
COUNTS = (64, 256, 4_096)


def compare(root: Path, turns: Turns) -> Iterator[Comparison]:
    """One row and many, as JSON and as safetensors."""
    row, rows = (Sent.of(rows_of(count), ELBO, JSON) for count in (1, ROWS))
    with serving(root, OURS_PORT) as ours:
        with naive_serving(root, THEIRS_PORT) as naive:
            check_agreement(ours, naive)
            yield Comparison(
                f"1 row as JSON, {MANY} connections, baseline a naive route, requests/s",
                *turns.throughput(ours, naive, row, connections=MANY),
                goal=6.0,
                moonshot=10.0,
            )
            yield Comparison(
                f"{ROWS} x {PIXELS} as JSON, {FEW} connections, baseline a naive route, requests/s",
                *turns.throughput(ours, naive, rows, connections=FEW),
                goal=8.0,
                moonshot=12.0,
            )
            for name, sent, connections in (("1 row", row, MANY), (f"{ROWS} rows", rows, FEW)):
                yield Comparison(
                    f"{name} as JSON in numbers of several digits, {connections} connections, "
                    "baseline a naive route, requests/s",
                    *turns.throughput(
                        ours, naive, in_several_digits(sent), connections=connections
                    ),
                )
        with echo_serving("bare", THEIRS_PORT) as echo:
            yield Comparison(
                f"1 row as JSON, {MANY} connections, baseline a bare echo, requests/s",
                *turns.throughput(ours, echo, row, connections=MANY),
                goal=0.4,
                moonshot=0.6,
            )
        yield against_the_network(root, ours, turns)
        yield flatness(ours, turns)


def against_the_network(root: Path, ours: Server, turns: Turns) -> Comparison:
    """Rows per second of large binary bodies, and of the same weights on the same core in process.

    On several connections: what one client does between an answer and its next question is not the
    server's time.
    """
    x = rows_of(ROWS)
    sent = Sent.of(x, ELBO, SAFETENSORS)
    vae = build_vae(MODEL)
    vae.load_state_dict(FolderStore(root).read(NAME, 1).build().state_dict())
    torch.set_num_threads(1)

    def alone() -> float:
        os.sched_setaffinity(0, {SERVER_CORE})
        try:
            started, calls = time.perf_counter(), 0
            while (took := time.perf_counter() - started) < turns.seconds:
                network_alone(vae, x)
                calls += 1
        finally:
            os.sched_setaffinity(0, {LOAD_CORE})
        return calls * ROWS / took

    def served() -> float:
        return ROWS * turns.load_of(ours, sent, connections=FEW).requests_per_second

    return Comparison(
        f"{ROWS} x {PIXELS} as safetensors, {FEW} connections, baseline the network alone, rows/s",
        *turns.measure(served, alone),
        goal=0.7,
        moonshot=0.9,
    )


def flatness(ours: Server, turns: Turns) -> Comparison:
    """The slowest rows per second over the fastest, whatever their number in a request."""
    bodies = {count: Sent.of(rows_of(count), ELBO, SAFETENSORS) for count in COUNTS}
    rates = [
        [
            count * turns.load_of(ours, sent, connections=FEW).requests_per_second
            for count, sent in bodies.items()
        ]
        for _ in range(turns.rounds)
    ]
    return Comparison(
        f"{COUNTS[0]} to {COUNTS[-1]:,} rows as safetensors, {FEW} connections: slowest, "
        "baseline fastest, rows/s",
        [min(each) for each in rates],
        [max(each) for each in rates],
        FLAT,
    )
