"""Random posteriors of both kinds, and SciPy's opinion of them."""

import numpy as np
import torch
from scipy.stats import multivariate_normal
from torch import Tensor

from model_store.vae.posteriors import DiagonalGaussian, FullGaussian, Posterior

FAMILIES: dict[str, type[Posterior]] = {"diagonal": DiagonalGaussian, "full": FullGaussian}
PAIRS = [(a, b) for a in FAMILIES for b in FAMILIES]


def random_posterior(family: str, rows: int, latents: int, seed: int = 0) -> Posterior:
    """Means and log-variances of size one, and for full ones correlations that matter."""
    kind = FAMILIES[family]
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(rows, kind.output_width(latents), generator=generator)
    return kind.from_outputs(outputs.double(), latents)


def random_latents(count: int, latents: int, seed: int = 0) -> Tensor:
    """Normal draws of standard deviation 2, (count, latents), float64."""
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(count, latents, generator=generator, dtype=torch.float64)


def scipy_log_prob(posterior: Posterior, z: Tensor) -> np.ndarray:
    """Log-density of every z under every row, (count, rows)."""
    covariances = (posterior.factor @ posterior.factor.mT).numpy()
    laws = zip(posterior.loc.numpy(), covariances, strict=True)
    table = [multivariate_normal(loc, covariance).logpdf(z.numpy()) for loc, covariance in laws]
    return np.stack(table, axis=-1).reshape(len(z), -1)
