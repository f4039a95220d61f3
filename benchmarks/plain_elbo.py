"""The elbo as one writes it first: lists of numbers in, modules one after the other, lists out."""

import math

import torch
from pydantic import BaseModel
from torch.nn import functional as F

from model_store.vae.model import VAE
from model_store.vae.noise import Noise


class ElboRequest(BaseModel):
    """Rows and how their noise is drawn."""

    inputs: list[list[float]]
    num_samples: int = 1
    seed: int = 0


class ElboAnswer(BaseModel):
    """One number of each kind per row."""

    elbo: list[float]
    reconstruction: list[float]
    kl_divergence: list[float]


@torch.inference_mode()
def answer(vae: VAE, body: ElboRequest) -> ElboAnswer:
    """The elbo with one sample, from the same noise as the service draws."""
    x = torch.tensor(body.inputs)
    loc, log_variance = vae.encoder(vae.head.embed(x)).chunk(2, dim=-1)
    log_scale = 0.5 * log_variance
    noise = Noise(body.seed).normal(0, 1, vae.latent_dim)
    z = loc + log_scale.exp() * noise
    logits = vae.decoder(z)
    log_likelihood = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)
    log_posterior = -(0.5 * noise.square() + log_scale + 0.5 * math.log(2 * math.pi)).sum(-1)
    kl = 0.5 * (loc.square() + log_variance.exp() - 1 - log_variance).sum(-1)
    bound = log_likelihood + log_prior - log_posterior
    return ElboAnswer(
        elbo=bound.tolist(), reconstruction=(bound + kl).tolist(), kl_divergence=kl.tolist()
    )
