"""What priors and posteriors are worth: held-out log-likelihood, row by row against the default.

    python -m benchmarks.priors [SOURCE] [--seeds 0,1,2] [--epochs N]

Trains SOURCE (digits) with each pair, once for each seed, which also decides the rows held out. The
difference from the default is of the same rows, its standard error over rows and seeds. The gap is
log-likelihood less elbo: what the posterior misses. Time is the processor's for scoring them,
relative to the default's, the quickest of five; --epochs 1 is enough for it.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.splits import A_FIFTH_HELD_OUT
from model_store.store import FolderStore
from model_store.vae.estimators import estimate_log_likelihood
from training.choices import threads
from training.config import TrainingConfig
from training.data import split_for
from training.run import Run

SAMPLES = 500
REPEATS = 5
DEFAULT: dict[str, Any] = {}
PAIRS: dict[str, dict[str, Any]] = {
    "standard_normal, diagonal": DEFAULT,
    "standard_normal, full": {"posterior": "full"},
    "mixture of 32, diagonal": {"prior": "mixture"},
    "vamp_prior of 128, diagonal": {"prior": "vamp_prior"},
    "vamp_prior of 128, full": {"prior": "vamp_prior", "posterior": "full"},
}


@dataclass(frozen=True, eq=False)
class Scores:
    """Of the held-out rows, in nats, and the seconds it took."""

    log_likelihood: Tensor
    elbo: Tensor
    seconds: float


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", default="digits")
    parser.add_argument("--seeds", default="0,1,2", help="such as 0,1,2")
    parser.add_argument("--epochs", type=int, help="as vae-train has it")
    arguments = parser.parse_args()
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    table = Table("prior, posterior", "log-likelihood", "difference", "gap", "time")
    default: list[Scores] = []
    for name, flags in PAIRS.items():
        chosen = {**flags, "epochs": arguments.epochs}
        scores = [_trained_and_scored(arguments.source, seed, chosen) for seed in seeds]
        default = default or scores
        table.add_row(name, *_cells(scores, default))
    Console().print(table)


def _trained_and_scored(source: str, seed: int, flags: dict[str, Any]) -> Scores:
    with TemporaryDirectory() as store:
        chosen = {"source": source, "seed": seed, "store": Path(store), "name": "model", **flags}
        config = TrainingConfig(**A_FIFTH_HELD_OUT, **chosen)
        run = Run(config)
        torch.set_num_threads(threads(run.config))
        for _ in run.train():
            pass
        run.publish()
        vae = FolderStore(Path(store)).read("model", 1).build()
    x = torch.from_numpy(split_for(run.dataset, run.config).test).double()
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        estimate = estimate_log_likelihood(vae, x, num_samples=SAMPLES, seed=0)
        seconds.append(time.process_time() - start)
    return Scores(estimate.log_likelihood, estimate.elbo, min(seconds))


def _cells(scores: list[Scores], default: list[Scores]) -> list[str]:
    values = torch.cat([s.log_likelihood for s in scores])
    differences = values - torch.cat([s.log_likelihood for s in default])
    gap = (values - torch.cat([s.elbo for s in scores])).mean()
    ratio = sum(s.seconds for s in scores) / sum(s.seconds for s in default)
    error = float(differences.std()) / len(differences) ** 0.5
    return [
        f"{float(values.mean()):.2f}",
        f"{float(differences.mean()):+.2f} ± {error:.2f}" if scores is not default else "",
        f"{float(gap):.2f}",
        f"{ratio:.2f}",
    ]


if __name__ == "__main__":
    main()
