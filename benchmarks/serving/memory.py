"""The peak of large questions above the idle server."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from app.client import VaeClient
from benchmarks.comparison import Comparison
from benchmarks.measured_model import NAME, PIXELS
from benchmarks.servers import serving
from benchmarks.serving.turns import OURS_PORT, Turns

GOAL_MEBIBYTES = 1024.0


def compare(root: Path, turns: Turns) -> Iterator[Comparison]:  # noqa: ARG001 - as of the other parts
    """Against 1 GiB; once each, for a peak does not depend on the time of day."""
    for rows, samples in ((1_000, 1_000), (200, 10_000)):
        peak = peak_mebibytes(root, rows=rows, samples=samples)
        yield Comparison(
            f"log-likelihood of {rows:,} x {PIXELS}, {samples:,} samples, baseline 1 GiB, peak MiB",
            [peak],
            [GOAL_MEBIBYTES],
            1.0,
            more_is_better=False,
        )


def peak_mebibytes(root: Path, *, rows: int, samples: int) -> float:
    """Above what the server holds before."""
    x = np.random.default_rng(0).integers(0, 2, (rows, PIXELS))
    with serving(root, OURS_PORT) as server, VaeClient(server.url, timeout_seconds=600) as client:
        before = server.memory_bytes("VmRSS")
        server.reset_peak_memory()
        client.model(NAME).log_likelihood(x, num_samples=samples)
        return (server.memory_bytes("VmHWM") - before) / 2**20
