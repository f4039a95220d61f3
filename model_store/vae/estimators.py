"""The questions a caller can ask of a VAE, cut into chunks, answered as frozen records.

Every function takes rows in data units and a seed; the same seed gives the same answer for a row
whatever rows stand beside it. Work is cut over samples and rows so that memory does not grow with
their product; the cuts never change which samples are used or how many they are divided by.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.errors import OutOfRangeError
from model_store.vae import bounds, diagnostics
from model_store.vae.model import VAE, total
from model_store.vae.noise import Noise
from model_store.vae.posteriors import DiagonalGaussian

# Largest intermediate, in float32 elements (4 MiB): small enough for a CPU's cache, large enough
# that the arithmetic outweighs the calls.
CHUNK_ELEMENTS = 2**20


@dataclass(frozen=True, eq=False)
class ElboEstimate:
    """elbo = reconstruction - kl_divergence, per row, in nats.

    `standard_error` is None with a single sample, which says nothing about its own error.
    """

    elbo: Float[Tensor, " rows"]
    reconstruction: Float[Tensor, " rows"]
    kl_divergence: Float[Tensor, " rows"]
    standard_error: Float[Tensor, " rows"] | None
    per_feature: Float[Tensor, "rows *event"] | None = None
    per_latent: Float[Tensor, "rows latents"] | None = None


@dataclass(frozen=True, eq=False)
class LogLikelihoodEstimate:
    """The importance-weighted bound on log p(x) and what is known of its error, per row, in nats.

    `standard_error` is None with a single sample.
    """

    log_likelihood: Float[Tensor, " rows"]
    standard_error: Float[Tensor, " rows"] | None
    effective_sample_size: Float[Tensor, " rows"]
    bits_per_dim: Float[Tensor, " rows"]
    elbo: Float[Tensor, " rows"]
    num_samples: int


@torch.inference_mode()
def estimate_elbo(
    vae: VAE,
    x: Float[Tensor, "rows *event"],
    *,
    num_samples: int,
    seed: int,
    per_feature: bool = False,
    per_latent: bool = False,
) -> ElboEstimate:
    """Evidence lower bound of each row, its two terms and their parts.

    The KL term is in closed form. The elbo is the mean log weight, so its error vanishes as q nears
    the true posterior; the reconstruction term is elbo + KL. That is the plain average of
    log p(x | z) plus (closed-form KL - sampled KL), a control variate of mean zero, which
    `per_feature` spreads evenly over the features so that they sum to the term.

    Raises:
        ShapeError, SupportError: x does not fit the model.
        OutOfRangeError: a row's elbo is not finite.
    """
    y = vae.to_model_units(x)
    blocks = [_elbo_of_block(vae, b, num_samples, seed, per_feature) for b in row_blocks(vae, y)]
    log_weights = torch.cat([b.log_weights for b in blocks], dim=1)
    kl_per_latent = torch.cat([b.kl_per_latent for b in blocks]).double()
    elbo = finite_rows(bounds.elbo(log_weights), "elbo")
    kl_divergence = total(kl_per_latent)
    reconstruction = elbo + kl_divergence
    parts = None
    if per_feature:
        parts = torch.cat([b.feature_log_prob for b in blocks])
        parts += ((reconstruction - parts.sum(dim=-1)) / vae.num_features).unsqueeze(-1)
        parts = vae.to_event(parts)
    return ElboEstimate(
        elbo=elbo,
        reconstruction=reconstruction,
        kl_divergence=kl_divergence,
        standard_error=bounds.elbo_standard_error(log_weights) if num_samples > 1 else None,
        per_feature=parts,
        per_latent=kl_per_latent if per_latent else None,
    )


@torch.inference_mode()
def estimate_log_likelihood(
    vae: VAE, x: Float[Tensor, "rows *event"], *, num_samples: int, seed: int
) -> LogLikelihoodEstimate:
    """Importance-weighted bound on log p(x) of each row (Burda et al., 2016, arXiv:1509.00519).

    A lower bound in expectation that rises to log p(x) with the number of samples; with q the exact
    posterior it is log p(x) for any number.

    Raises:
        ShapeError, SupportError: x does not fit the model.
        OutOfRangeError: a row's log-likelihood is not finite.
    """
    y = vae.to_model_units(x)
    log_weights = torch.cat(
        [_log_weights_of_block(vae, b, num_samples, seed) for b in row_blocks(vae, y)], dim=1
    )
    log_likelihood = finite_rows(bounds.importance_weighted_bound(log_weights), "log-likelihood")
    error = None
    if num_samples > 1:
        error = bounds.importance_weighted_standard_error(log_weights)
    return LogLikelihoodEstimate(
        log_likelihood=log_likelihood,
        standard_error=error,
        effective_sample_size=diagnostics.effective_sample_size(log_weights),
        bits_per_dim=bounds.bits_per_dim(log_likelihood, vae.num_features),
        elbo=bounds.elbo(log_weights),
        num_samples=num_samples,
    )


@dataclass(frozen=True, eq=False)
class _ElboBlock:
    log_weights: Float[Tensor, "k rows"]
    kl_per_latent: Float[Tensor, "rows latents"]
    feature_log_prob: Float[Tensor, "rows features"]  # averaged over samples; empty unless asked


def _elbo_of_block(
    vae: VAE, y: Tensor, num_samples: int, seed: int, per_feature: bool
) -> _ElboBlock:
    posterior = vae.posterior(y)
    weights, sums = [], y.new_zeros(y.shape, dtype=torch.float64)
    for log_prob, log_ratio in _sample_chunks(vae, y, posterior, num_samples, seed):
        weights.append(total(log_prob) + log_ratio)
        if per_feature:
            sums += log_prob.sum(dim=0, dtype=torch.float64)
    return _ElboBlock(torch.cat(weights), vae.kl_divergence(posterior), sums / num_samples)


def _log_weights_of_block(vae: VAE, y: Tensor, num_samples: int, seed: int) -> Tensor:
    chunks = _sample_chunks(vae, y, vae.posterior(y), num_samples, seed)
    return torch.cat([total(log_prob) + log_ratio for log_prob, log_ratio in chunks])


def _sample_chunks(
    vae: VAE, y: Tensor, posterior: DiagonalGaussian, num_samples: int, seed: int
) -> Iterator[tuple[Float[Tensor, "k rows features"], Float[Tensor, "k rows"]]]:
    """Log p(x_j | z) and log p(z) - log q(z | x) for samples 0 ... num_samples-1, in order."""
    noise = Noise(seed)
    step = max(1, CHUNK_ELEMENTS // (y.shape[0] * vae.widest))
    for start in range(0, num_samples, step):
        stop = min(start + step, num_samples)
        z = posterior.sample(noise.normal(start, stop, vae.latent_dim).to(y.device))
        yield vae.log_prob(y, z), vae.log_ratio(posterior, z)


def row_blocks(vae: VAE, y: Float[Tensor, "rows width"]) -> tuple[Tensor, ...]:
    """The rows in blocks whose widest layer is one chunk."""
    blocks: tuple[Tensor, ...] = y.split(max(1, CHUNK_ELEMENTS // vae.widest))
    return blocks


def finite_rows(values: Tensor, quantity: str) -> Tensor:
    """The values as they are.

    Raises:
        OutOfRangeError: a row of them holds NaN or an infinity.
    """
    wrong = ~values.isfinite().reshape(values.shape[0], -1).all(dim=1)
    if bool(wrong.any()):
        raise OutOfRangeError(row=int(wrong.nonzero()[0]), quantity=quantity)
    return values
