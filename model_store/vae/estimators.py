"""The questions a caller can ask of a VAE, cut into chunks, answered as frozen records.

Every function takes rows in data units and a seed; the same seed gives the same answer for a row
whatever rows stand beside it. Work is cut over samples and rows so that memory does not grow with
their product; the cuts never change which samples are used or how many they are divided by.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from model_store.errors import OutOfRangeError
from model_store.vae import bounds, diagnostics
from model_store.vae.model import VAE, total
from model_store.vae.noise import Noise
from model_store.vae.posteriors import DiagonalGaussian
from model_store.vae.sampling import draw_until

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

    `standard_error` is None with a single sample. `pareto_k` is -inf where all weights are equal
    and NaN where there are too few to tell; see `diagnostics.pareto_k`. `num_samples` is that of
    each row where a target let it differ.
    """

    log_likelihood: Float[Tensor, " rows"]
    standard_error: Float[Tensor, " rows"] | None
    effective_sample_size: Float[Tensor, " rows"]
    pareto_k: Float[Tensor, " rows"]
    reliable: Bool[Tensor, " rows"]
    bits_per_dim: Float[Tensor, " rows"]
    elbo: Float[Tensor, " rows"]
    num_samples: int | Int[Tensor, " rows"]


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
    vae: VAE,
    x: Float[Tensor, "rows *event"],
    *,
    num_samples: int,
    seed: int,
    target_standard_error: float | None = None,
    max_samples: int | None = None,
) -> LogLikelihoodEstimate:
    """Importance-weighted bound on log p(x) of each row (Burda et al., 2016, arXiv:1509.00519).

    A lower bound in expectation that rises to log p(x) with the number of samples; with q the exact
    posterior it is log p(x) for any number.

    Args:
        vae: The model.
        x: Rows in data units.
        num_samples: Importance samples of each row.
        seed: Of the noise.
        target_standard_error: In nats. A row whose standard error is above it gets twice the
            samples until it is not, or until there are `max_samples`.
        max_samples: Most samples of a row; `num_samples` unless given.

    Raises:
        ShapeError, SupportError: x does not fit the model.
        OutOfRangeError: a row's log-likelihood is not finite.
    """
    y = vae.to_model_units(x)
    if target_standard_error is None:
        estimate = _summary(vae, _log_weights(vae, y, range(num_samples), seed))
    else:
        groups = draw_until(
            partial(_is_met, target_standard_error),
            lambda rows, samples: _log_weights(vae, y[rows], samples, seed),
            torch.arange(y.shape[0], device=y.device),
            num_samples=num_samples,
            max_samples=max_samples or num_samples,
        )
        estimate = _together([(rows, _summary(vae, table)) for rows, table in groups])
    finite_rows(estimate.log_likelihood, "log-likelihood")
    return estimate


def _is_met(target: float, log_weights: Float[Tensor, "k rows"]) -> Bool[Tensor, " rows"]:
    if log_weights.shape[0] == 1:
        return torch.zeros_like(log_weights[0], dtype=torch.bool)
    return bounds.importance_weighted_standard_error(log_weights) <= target


def _summary(vae: VAE, log_weights: Float[Tensor, "k rows"]) -> LogLikelihoodEstimate:
    log_likelihood = bounds.importance_weighted_bound(log_weights)
    pareto_k = diagnostics.pareto_k(log_weights)
    error = None
    if log_weights.shape[0] > 1:
        error = bounds.importance_weighted_standard_error(log_weights)
    return LogLikelihoodEstimate(
        log_likelihood=log_likelihood,
        standard_error=error,
        effective_sample_size=diagnostics.effective_sample_size(log_weights),
        pareto_k=pareto_k,
        reliable=diagnostics.reliable(pareto_k),
        bits_per_dim=bounds.bits_per_dim(log_likelihood, vae.num_features),
        elbo=bounds.elbo(log_weights),
        num_samples=log_weights.shape[0],
    )


def _together(
    groups: list[tuple[Tensor, LogLikelihoodEstimate]],
) -> LogLikelihoodEstimate:
    """The estimates of groups of rows, whose places come with them, as one in the rows' order."""
    order = torch.cat([rows for rows, _ in groups]).argsort()
    counts = [torch.full_like(rows, int(each.num_samples)) for rows, each in groups]
    columns: dict[str, Any] = {"num_samples": torch.cat(counts)[order]}
    for name in (field.name for field in fields(LogLikelihoodEstimate)):
        parts = [getattr(estimate, name) for _, estimate in groups]
        if all(isinstance(part, Tensor) for part in parts):
            columns[name] = torch.cat(parts)[order]
    return replace(groups[0][1], **columns)


@dataclass(frozen=True, eq=False)
class _ElboBlock:
    log_weights: Float[Tensor, "k rows"]
    kl_per_latent: Float[Tensor, "rows latents"]
    feature_log_prob: Float[Tensor, "rows features"]  # averaged over samples; empty unless asked


def _elbo_of_block(
    vae: VAE, y: Tensor, num_samples: int, seed: int, per_feature: bool
) -> _ElboBlock:
    posterior = vae.posterior(y)
    asked = y if per_feature else y[:, :0]
    weights, sums = [], torch.zeros_like(asked, dtype=torch.float64)
    for log_prob, log_ratio in _sample_chunks(vae, y, posterior, range(num_samples), seed):
        weights.append(total(log_prob) + log_ratio)
        if per_feature:
            sums += log_prob.sum(dim=0, dtype=torch.float64)
    return _ElboBlock(torch.cat(weights), vae.kl_divergence(posterior), sums / num_samples)


def _log_weights(
    vae: VAE, y: Float[Tensor, "rows features"], samples: range, seed: int
) -> Float[Tensor, "k rows"]:
    blocks = (_sample_chunks(vae, b, vae.posterior(b), samples, seed) for b in row_blocks(vae, y))
    return torch.cat([_log_weights_of(chunks) for chunks in blocks], dim=1)


def _log_weights_of(chunks: Iterator[tuple[Tensor, Tensor]]) -> Float[Tensor, "k rows"]:
    return torch.cat([total(log_prob) + log_ratio for log_prob, log_ratio in chunks])


def _sample_chunks(
    vae: VAE, y: Tensor, posterior: DiagonalGaussian, samples: range, seed: int
) -> Iterator[tuple[Float[Tensor, "k rows features"], Float[Tensor, "k rows"]]]:
    """Log p(x_j | z) and log p(z) - log q(z | x) for samples of these numbers, in order."""
    noise = Noise(seed)
    step = max(1, CHUNK_ELEMENTS // (y.shape[0] * vae.widest))
    for start in range(samples.start, samples.stop, step):
        stop = min(start + step, samples.stop)
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
