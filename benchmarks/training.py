"""The training loop against the same recipe in plain PyTorch: rows per second.

    python -m benchmarks.training [--rounds 5] [--epochs 250]

Same model, first weights, batch size, optimiser, clipping, schedules and weight average. Our time
also includes selecting the weights on held-out rows.
"""

import copy
import time
from dataclasses import dataclass
from typing import Annotated

import torch
import typer
from torch import Tensor

from benchmarks import plain_training
from benchmarks.comparison import Comparison, in_turns, print_comparisons
from benchmarks.measured_model import binary_model
from model_store.build import build_vae
from model_store.vae.model import VAE
from training.batches import Batches
from training.fit import FitOptions, fit

ROWS = 1_280
VALIDATION_ROWS = 72  # makes selection the same share of the work as in the digits demo
BATCH_SIZE = 128
GOAL = 2.0


@dataclass(frozen=True)
class Workload:
    """Widths of a model."""

    name: str
    features: int
    hidden_sizes: tuple[int, ...]
    latent_dim: int


WORKLOADS = (
    Workload("table, 10-64-64-4", 10, (64, 64), 4),
    Workload("digits, 64-256-256-256-11", 64, (256, 256, 256), 11),
    Workload("mnist, 784-200-200-50", 784, (200, 200), 50),
)


def main(
    rounds: Annotated[int, typer.Option(help="Turns of each loop.")] = 5,
    epochs: Annotated[int, typer.Option(help="Epochs in a turn, as many as the demo has.")] = 250,
) -> None:
    """Measure and print a small table."""
    print_comparisons(compare(workload, rounds=rounds, epochs=epochs) for workload in WORKLOADS)


def compare(workload: Workload, *, rounds: int, epochs: int) -> Comparison:
    """Rows per second of both loops."""
    generator = torch.Generator().manual_seed(0)
    shape = (ROWS + VALIDATION_ROWS, workload.features)
    images = torch.randint(0, 2, shape, generator=generator).float()
    x, validation = images[:ROWS], images[ROWS:]
    vae = build_vae(binary_model(workload.features, workload.hidden_sizes, workload.latent_dim))
    options = recipe(epochs)

    def ours() -> float:
        started = time.perf_counter()
        train_ours(copy.deepcopy(vae), x, validation, options)
        return epochs * ROWS / (time.perf_counter() - started)

    def theirs() -> float:
        started = time.perf_counter()
        plain_training.train(copy.deepcopy(vae).train(), x, options, batch_size=BATCH_SIZE)
        return epochs * ROWS / (time.perf_counter() - started)

    return Comparison(f"{workload.name}, rows/s", *in_turns(ours, theirs, rounds=rounds), GOAL)


def train_ours(vae: VAE, x: Tensor, validation: Tensor, options: FitOptions) -> None:
    """All epochs of `training.fit`."""
    rows = vae.to_model_units(x)
    for _ in fit(vae, Batches(rows, size=BATCH_SIZE, seed=0), validation, options):
        pass


def recipe(epochs: int) -> FitOptions:
    """The usual one, without an early stop."""
    return FitOptions(
        epochs=epochs,
        learning_rate=1e-3,
        weight_decay=1e-4,
        max_grad_norm=100.0,
        kl_warmup_fraction=0.15,
        free_bits=0.0,
        input_dropout=0.0,
        missing_rate=0.0,
        ema_decay=0.999,
        patience_fraction=1.0,
        keep="last",
        seed=0,
    )


if __name__ == "__main__":
    typer.run(main)
