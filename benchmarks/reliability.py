"""What `reliable` catches and what standard errors cover, where the truth is known.

    python -m benchmarks.reliability

The posterior is N(0, I). The proposal is too narrow, N(0, (1 - k) I), whose weights have the tail
index k; or its mean is off by some standard deviations, which leaves every moment finite and some
out of reach.
"""

import math

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from model_store.vae.bounds import importance_weighted_bound, importance_weighted_standard_error
from model_store.vae.diagnostics import pareto_k, reliable

ROWS = 4_000
SAMPLES = (256, 1_000)
NARROW = [(k, latents) for latents in (1, 8) for k in (0.2, 0.3, 0.5, 0.7, 0.9)]
SHIFTED = (1.0, 2.0, 3.0, 4.0)


def main() -> None:
    """Print the table."""
    table = Table("proposal", "samples", "fitted k", "unreliable", "covered", "covered if k < 0.5")
    for samples in SAMPLES:
        for k, latents in NARROW:
            name = f"too narrow, k = {k}, {latents} latent{'s' if latents > 1 else ''}"
            table.add_row(name, *_measured(_narrow(k, latents, samples)))
        for distance in SHIFTED:
            table.add_row(f"off by {distance:g}", *_measured(_shifted(distance, samples)))
    Console().print(table)


def _narrow(k: float, latents: int, samples: int) -> Tensor:
    """Log weights, relative to log p(x)."""
    squares = torch.stack([_noise(samples, seed).square() for seed in range(latents)]).sum(dim=0)
    return 0.5 * k * squares + 0.5 * latents * math.log(1 - k)


def _shifted(distance: float, samples: int) -> Tensor:
    return distance * _noise(samples, 0) - 0.5 * distance**2


def _noise(samples: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, ROWS, generator=generator, dtype=torch.float64)


def _measured(log_weights: Tensor) -> list[str]:
    k = pareto_k(log_weights)
    error = importance_weighted_bound(log_weights).abs()
    covered = error <= 1.96 * importance_weighted_standard_error(log_weights)
    shares = (~reliable(k), covered, covered[k < 0.5])
    return [
        f"{log_weights.shape[0]:,}",
        f"{float(k.mean()):.2f} +- {float(k.std()):.2f}",
        *(f"{float(share.double().mean()):.1%}" if len(share) else "-" for share in shares),
    ]


if __name__ == "__main__":
    main()
