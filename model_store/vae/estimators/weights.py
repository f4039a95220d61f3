"""Log weights log w = log p(x | z) + log p(z) - log q(z | x), z drawn from q(z | x)."""

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.vae.chunks import row_blocks, sample_ranges
from model_store.vae.model import VAE
from model_store.vae.noise import Noise
from model_store.vae.posteriors import Posterior
from model_store.vae.rows import Rows


def log_weights(vae: VAE, rows: Rows, samples: range, seed: int) -> Float[Tensor, "k rows"]:
    """The log weights of the samples with these numbers, in nats and float64."""
    blocks = row_blocks(vae, rows)
    return torch.cat([weigh(vae, b, vae.posterior(b), samples, seed) for b in blocks], dim=1)


def weigh(
    vae: VAE, rows: Rows, posterior: Posterior, samples: range, seed: int
) -> Float[Tensor, "k rows"]:
    """The log weights of one block of rows, its samples drawn from this posterior."""
    noise = Noise(seed)
    weights = []
    for part in sample_ranges(vae, samples, rows=len(rows)):
        z = posterior.sample(noise.normal(part.start, part.stop, vae.latent_dim).to(vae.device))
        weights.append(vae.total_log_prob(rows, z) + vae.log_ratio(posterior, z))
    return torch.cat(weights)
