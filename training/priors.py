"""The prior that a config asks for, and where its parameters start."""

import math

import torch
from torch import Tensor

from model_store import schema
from model_store.vae.encoders import as_network
from model_store.vae.model import VAE
from model_store.vae.priors import MixturePrior, VampPrior
from model_store.vae.rows import Rows
from training.config import TrainingConfig

# Of the variance of a mixture that starts as N(0, I), this share lies between its components: near
# enough for all to have draws of the posterior, and far enough apart to go separate ways.
BETWEEN_COMPONENTS = 0.5
# Of what the encoder sees: sets pseudo-inputs apart that began as the same row.
JITTER = 0.01


def describe_prior(config: TrainingConfig) -> schema.Prior:
    """The prior of a completed config."""
    if config.prior == "standard_normal":
        return config.prior
    if config.prior_components is None:
        raise ValueError("The config is not completed; call complete() first.")
    if config.prior == "mixture":
        return schema.MixturePrior(components=config.prior_components)
    return schema.VampPrior(components=config.prior_components)


@torch.no_grad()
def start_prior(vae: VAE, rows: Rows, generator: torch.Generator) -> None:
    """A mixture starts as N(0, I) in pieces, and pseudo-inputs as rows drawn at random."""
    if isinstance(vae.prior, MixturePrior):
        vae.prior.loc.normal_(0, math.sqrt(BETWEEN_COMPONENTS), generator=generator)
        vae.prior.log_scale.fill_(0.5 * math.log(1 - BETWEEN_COMPONENTS))
    if isinstance(vae.prior, VampPrior):
        pseudo_inputs = vae.prior.pseudo_inputs
        picked = _picked(len(rows), pseudo_inputs.shape[0], generator)
        few = rows.select(picked)
        inputs = as_network(vae.encoder).inputs_of(vae.embed(few), few)
        jitter = torch.randn(inputs.shape, generator=generator)
        pseudo_inputs.copy_(inputs + JITTER * jitter)


def _picked(rows: int, count: int, generator: torch.Generator) -> Tensor:
    """Places of random rows, none twice before all have come once."""
    order = torch.randperm(rows, generator=generator)
    return order[torch.arange(count) % rows]
