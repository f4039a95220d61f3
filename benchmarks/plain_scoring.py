"""What one writes first to score rows of black and white pixels: modules, a loop, torch's loss."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from model_store.vae.model import VAE
from model_store.vae.noise import Noise


@torch.inference_mode()
def network_alone(vae: VAE, x: Tensor) -> Tensor:
    """The logits of each row, from its mean latents: matrix products and what is between them."""
    loc, _ = vae.encoder(2 * x - 1).chunk(2, dim=-1)
    logits: Tensor = vae.decoder(loc)
    return logits


@torch.inference_mode()
def log_likelihood(vae: VAE, x: Tensor, *, num_samples: int, seed: int) -> Tensor:
    """The importance-weighted bound of each row, sample by sample, from the service's own noise."""
    loc, log_variance = vae.encoder(2 * x - 1).chunk(2, dim=-1)
    scale = (0.5 * log_variance).exp()
    log_weights = []
    for noise in Noise(seed).normal(0, num_samples, vae.latent_dim):
        z = loc + scale * noise
        log_prob = -F.binary_cross_entropy_with_logits(vae.decoder(z), x, reduction="none").sum(-1)
        log_ratio = 0.5 * (noise.square() - z.square() + log_variance).sum(-1)
        log_weights.append(log_prob + log_ratio)
    return torch.stack(log_weights).logsumexp(dim=0) - math.log(num_samples)
