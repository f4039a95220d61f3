"""From a dataset and a config to a VAE ready to train: its schema and its first weights."""

import math

import torch
from torch import Tensor, nn

from model_store.build import build_vae
from model_store.schema import Feature, Likelihood, ModelSchema, Network
from model_store.vae.likelihoods import GaussianHead
from model_store.vae.model import VAE
from model_store.vae.transforms import AffineTransform
from training.config import TrainingConfig


def describe_model(
    features: tuple[Feature, ...],
    event_shape: tuple[int, ...],
    likelihood: Likelihood,
    config: TrainingConfig,
) -> ModelSchema:
    """The schema of the VAE that a completed config asks for; both networks alike."""
    if config.latent_dim is None or config.hidden_sizes is None:
        raise ValueError("The config is not completed; call complete() first.")
    network = Network(hidden_sizes=config.hidden_sizes)
    return ModelSchema(
        event_shape=event_shape,
        latent_dim=config.latent_dim,
        features=features,
        likelihood=likelihood,
        encoder=network,
        decoder=network,
    )


def initialize(
    model: ModelSchema, transform: AffineTransform, x: Tensor, *, fixed_scale: float, seed: int
) -> VAE:
    """A VAE whose likelihood starts at the marginals of the rows and its posterior near the prior.

    Args:
        model: Its schema.
        transform: Data units to model units.
        x: Training rows in data units, shape (rows, *event).
        fixed_scale: Standard deviation in data units, for a Gaussian of fixed scale.
        seed: Of the weights.
    """
    vae = build_vae(model)
    vae.transform = transform
    _draw_weights(vae, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        if isinstance(vae.head, GaussianHead) and vae.head.scale == "fixed":
            vae.head.raw_log_scale.copy_(math.log(fixed_scale) - transform.scale.log())
        vae.decoder.output.bias.copy_(vae.head.initial_outputs(vae.to_model_units(x)))
    return vae


@torch.no_grad()
def _draw_weights(vae: VAE, generator: torch.Generator) -> None:
    """Every linear layer from the given generator; the last ones small: nothing saturates."""
    for layer in vae.modules():
        if isinstance(layer, nn.Linear):
            bound = 1 / math.sqrt(layer.in_features)
            layer.weight.uniform_(-bound, bound, generator=generator)
            layer.bias.zero_()
    vae.encoder.output.weight.mul_(0.1)
    vae.decoder.output.weight.mul_(0.1)
