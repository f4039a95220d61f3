"""From a dataset and a config to a VAE ready to train: its schema and its first weights."""

import math

import torch
from torch import Tensor, nn

from model_store.build import build_vae
from model_store.schema import Feature, Likelihood, ModelSchema, Network
from model_store.vae.encoders import as_network
from model_store.vae.likelihoods import GaussianHead, MixedHead
from model_store.vae.model import VAE
from model_store.vae.transforms import Transform
from training.config import TrainingConfig
from training.objective import has_closed_form
from training.priors import describe_prior, start_prior

MAX_FEATURES_TO_DECOMPOSE = 4_096  # eigenvectors of a larger covariance take minutes


def describe_model(
    features: tuple[Feature, ...],
    event_shape: tuple[int, ...],
    likelihood: Likelihood,
    config: TrainingConfig,
    *,
    has_gaps: bool = False,
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
        prior=describe_prior(config),
        posterior=config.posterior,
        encoder_sees_mask=has_gaps or bool(config.missing_rate),
    )


def initialize(
    model: ModelSchema, transform: Transform, x: Tensor, *, fixed_scale: float, seed: int
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
    generator = torch.Generator().manual_seed(seed)
    _draw_weights(vae, generator)
    with torch.no_grad():
        for columns, head in _gaussian_heads(vae):
            if head.scale == "fixed":
                head.raw_log_scale.copy_(math.log(fixed_scale) - transform.scale[columns].log())
        rows = vae.to_model_units(x)
        start_prior(vae, rows, generator)
        y = rows.y if rows.observed is None else rows.y.where(rows.observed, math.nan)
        vae.decoder.output.bias.copy_(vae.head.initial_outputs(y))
        vae.head.initialize_parameters(y)
        if has_closed_form(vae) and y.shape[1] <= MAX_FEATURES_TO_DECOMPOSE:
            _start_at_principal_components(vae, _filled_with_means(y))
    return vae


def _gaussian_heads(vae: VAE) -> list[tuple[list[int], GaussianHead]]:
    """The Gaussian parts of the likelihood, each with the columns it speaks of."""
    if isinstance(vae.head, MixedHead):
        parts = zip(vae.head.columns, vae.head.heads, strict=True)
        return [(list(c), head) for c, head in parts if isinstance(head, GaussianHead)]
    everything = list(range(vae.num_features))
    return [(everything, vae.head)] if isinstance(vae.head, GaussianHead) else []


def _start_at_principal_components(vae: VAE, y: Tensor) -> None:
    """A linear model from the optimum of probabilistic PCA and its exact, diagonal posterior.

    Tipping & Bishop, 1999, section 3.2. With a shared scale there is nothing left to learn; with
    one for each feature (factor analysis) it is a start that no valley keeps from the optimum.
    """
    variances, directions = _principal_components(y)
    q = min(vae.latent_dim, len(variances) - 1)
    noise = variances[q:].mean()
    kept, directions = variances[:q], directions[:, :q]
    signal = (kept - noise).clamp(min=0).sqrt()
    vae.decoder.output.weight.zero_()
    vae.decoder.output.weight[:, :q] = directions * signal
    encoder = as_network(vae.encoder).output
    encoder.weight.zero_()
    to_mean = (directions * signal / kept).T
    # What follows the features says only which of them are there.
    encoder.weight[:q, : y.shape[1]] = to_mean
    encoder.bias[:q] = -to_mean @ y.double().mean(dim=0)
    encoder.bias[vae.latent_dim : vae.latent_dim + q] = (noise / kept).log()
    if isinstance(vae.head, GaussianHead) and isinstance(vae.head.raw_log_scale, nn.Parameter):
        explained = (directions * signal).square().sum(dim=1)
        residual = (y.double().var(dim=0) - explained).clamp(min=0).sqrt()
        scale = noise.sqrt() if vae.head.scale == "shared" else residual
        vae.head.raw_log_scale.copy_(vae.head.raw_of(scale.reshape(-1)))


def _filled_with_means(y: Tensor) -> Tensor:
    """The rows with each missing value at its feature's mean: good enough to start from."""
    return torch.where(y.isnan(), y.nanmean(dim=0), y)


def _principal_components(y: Tensor) -> tuple[Tensor, Tensor]:
    """Variances in falling order, bounded away from zero, and their directions as columns."""
    variances, directions = torch.linalg.eigh(torch.cov(y.double().T, correction=0))
    smallest = 1e-12 * variances[-1]
    return variances.flip(0).clamp(min=smallest), directions.flip(1)


@torch.no_grad()
def _draw_weights(vae: VAE, generator: torch.Generator) -> None:
    """Every linear layer from the given generator; the last ones small: nothing saturates."""
    for layer in vae.modules():
        if isinstance(layer, nn.Linear):
            bound = 1 / math.sqrt(layer.in_features)
            layer.weight.uniform_(-bound, bound, generator=generator)
            layer.bias.zero_()
    as_network(vae.encoder).output.weight.mul_(0.1)
    vae.decoder.output.weight.mul_(0.1)
