"""The evidence lower bound of each row, its two terms and their parts."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from model_store.vae import bounds
from model_store.vae.chunks import draws, finite_rows, row_blocks
from model_store.vae.estimators import compiled
from model_store.vae.estimators.divergence import KlEstimate, kl_from_draws, together
from model_store.vae.model import VAE
from model_store.vae.pieces import whole
from model_store.vae.priors import KlEstimator
from model_store.vae.rows import Rows
from model_store.vae.sums import total


@dataclass(frozen=True, eq=False)
class ElboEstimate:
    """elbo = reconstruction - kl_divergence, per row, in nats.

    `standard_error` is None with a single sample, which says nothing about its own error. So is
    `kl_standard_error`, and where the KL is analytic and has none.
    """

    elbo: Float[Tensor, " rows"]
    reconstruction: Float[Tensor, " rows"]
    kl_divergence: Float[Tensor, " rows"]
    standard_error: Float[Tensor, " rows"] | None
    kl_estimator: KlEstimator
    kl_standard_error: Float[Tensor, " rows"] | None = None
    per_feature: Float[Tensor, "rows *event"] | None = None
    per_latent: Float[Tensor, "rows latents"] | None = None


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

    The elbo is the mean log weight, so its error vanishes as q nears the true posterior; the
    reconstruction term is elbo + KL. Where the KL has a closed form, that is the plain average of
    log p(x | z) plus (closed-form KL - sampled KL), a control variate of mean zero, which
    `per_feature` spreads evenly over the observed features so that they sum to the term. Where it
    has none, it is the mean of log q(z | x) - log p(z) over the same draws, and the reconstruction
    term is the plain average.

    Where features are missing it is the bound on log p of the observed ones: a missing feature's
    part is 0. Of a row with none observed it is exactly -KL(q(z | nothing) || p(z)).

    Raises:
        ShapeError, SupportError: x does not fit the model.
        OutOfRangeError: a row's elbo is not finite.
    """
    rows = vae.to_model_units(x)
    if not (per_feature or per_latent):
        weighed = compiled.weigh(vae, rows, num_samples=num_samples, seed=seed)
        if weighed is not None:
            return _of_weighed(*weighed)
    return _in_blocks(vae, rows, num_samples, seed, per_feature=per_feature, per_latent=per_latent)


def _of_weighed(log_weights: np.ndarray, kl: np.ndarray) -> ElboEstimate:
    """The estimate from log weights (k, rows); of a row a call of torch would take as long as it.

    Raises:
        OutOfRangeError: a row's elbo is not finite.
    """
    elbo, error = log_weights[0], None
    if len(log_weights) > 1:
        elbo = log_weights.mean(axis=0)
        error = bounds.elbo_standard_error(torch.from_numpy(log_weights))
    return ElboEstimate(
        elbo=finite_rows(torch.from_numpy(elbo), "elbo"),
        reconstruction=torch.from_numpy(elbo + kl),
        kl_divergence=torch.from_numpy(kl),
        standard_error=error,
        kl_estimator="analytic",
    )


@torch.inference_mode()
def _in_blocks(
    vae: VAE, rows: Rows, num_samples: int, seed: int, *, per_feature: bool, per_latent: bool
) -> ElboEstimate:
    """The estimate of any number of rows."""
    blocks = [
        _of_block(vae, b, num_samples, seed, per_feature=per_feature, per_latent=per_latent)
        for b in row_blocks(vae, rows)
    ]
    kl = together([b.kl for b in blocks])
    log_weights = whole([b.log_weights for b in blocks], dim=1)
    if kl.estimator == "analytic" and rows.observed is not None:
        # With nothing observed every log weight would be a draw of -KL, which is known.
        log_weights = torch.where(rows.is_empty, -kl.kl_divergence, log_weights)
    elbo = finite_rows(bounds.elbo(log_weights), "elbo")
    reconstruction = elbo + kl.kl_divergence
    parts = None
    if per_feature:
        averages = whole([b.feature_log_prob for b in blocks if b.feature_log_prob is not None])
        parts = vae.to_event(summing_to(reconstruction, averages, rows))
    return ElboEstimate(
        elbo=elbo,
        reconstruction=reconstruction,
        kl_divergence=kl.kl_divergence,
        standard_error=bounds.elbo_standard_error(log_weights) if num_samples > 1 else None,
        kl_estimator=kl.estimator,
        kl_standard_error=kl.standard_error,
        per_feature=parts,
        per_latent=kl.per_latent if per_latent else None,
    )


@dataclass(frozen=True, eq=False)
class _Block:
    log_weights: Float[Tensor, "k rows"]
    kl: KlEstimate
    feature_log_prob: Float[Tensor, "rows features"] | None  # averaged over samples


def _of_block(
    vae: VAE, rows: Rows, num_samples: int, seed: int, *, per_feature: bool, per_latent: bool
) -> _Block:
    if not (per_feature or per_latent):
        weighed = compiled.weigh(vae, rows, num_samples=num_samples, seed=seed)
        if weighed is not None:
            log_weights, divergence = map(torch.from_numpy, weighed)
            return _Block(log_weights, KlEstimate(divergence, "analytic"), None)
    posterior = vae.posterior(rows)
    log_probs, log_ratios = [], []
    sums = torch.zeros_like(rows.y, dtype=torch.float64) if per_feature else None
    for z in draws(vae, posterior, range(num_samples), seed=seed):
        log_ratios.append(vae.log_ratio(posterior, z))
        if sums is not None:
            log_prob = vae.log_prob(rows, z)
            log_probs.append(total(log_prob))
            sums += log_prob.sum(dim=0, dtype=torch.float64)
        else:
            log_probs.append(vae.total_log_prob(rows, z))
    log_ratio = whole(log_ratios)
    kl = kl_from_draws(vae, posterior, log_ratio, seed=seed, per_latent=per_latent)
    averages = None if sums is None else sums / num_samples
    return _Block(whole(log_probs) + log_ratio, kl, averages)


def summing_to(
    sums: Float[Tensor, " rows"], parts: Float[Tensor, "rows features"], rows: Rows
) -> Float[Tensor, "rows features"]:
    """The parts, what they lack spread evenly over the observed features of each row."""
    share = (sums - parts.sum(dim=-1)) / rows.num_observed.clamp(min=1)
    return parts + rows.of_observed(share.unsqueeze(-1).expand(parts.shape))
