"""KL(q(z | x) || p(z)) of each row: in closed form where there is one, else from draws of z."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.vae import bounds
from model_store.vae.chunks import draws, rows_at_once
from model_store.vae.model import VAE
from model_store.vae.noise import Noise
from model_store.vae.posteriors import Posterior
from model_store.vae.priors import KlEstimator
from model_store.vae.sums import total

# Where nobody says how many: each latent that is in use adds about 1 / 16 of a nat to the error,
# in quadrature.
KL_SAMPLES = 256


@dataclass(frozen=True, eq=False)
class KlEstimate:
    """KL(q(z | x) || p(z)) of each row, in nats.

    `standard_error` is None where there is none, the KL being analytic, and where a single draw
    says nothing of it. `per_latent` sums to the KL.
    """

    kl_divergence: Float[Tensor, " rows"]
    estimator: KlEstimator
    standard_error: Float[Tensor, " rows"] | None = None
    per_latent: Float[Tensor, "rows latents"] | None = None


def estimate_kl(vae: VAE, posterior: Posterior, *, seed: int) -> KlEstimate:
    """The KL of each row's posterior; where it has no closed form, from 256 draws of this seed."""
    per_latent = vae.prior_law().kl_divergence(posterior)
    if per_latent is not None:
        return _analytic(per_latent)
    noise = Noise(seed).normal(0, KL_SAMPLES, vae.latent_dim).to(vae.device)
    blocks = posterior.split(rows_at_once(vae, samples=KL_SAMPLES))
    log_ratios = [vae.log_ratio(block, block.sample(noise)) for block in blocks]
    return _monte_carlo(torch.cat(log_ratios, dim=1))


def kl_from_draws(
    vae: VAE,
    posterior: Posterior,
    log_ratios: Float[Tensor, "k rows"],
    *,
    seed: int,
    per_latent: bool,
) -> KlEstimate:
    """The KL of each row's posterior; where it has no closed form, from draws made already.

    Args:
        vae: The model.
        posterior: Of a block of rows.
        log_ratios: Log p(z) - log q(z | x) of the first k draws of the seed.
        seed: Of these draws.
        per_latent: Whether to say how much each latent adds.
    """
    analytic = vae.prior_law().kl_divergence(posterior)
    if analytic is not None:
        return _analytic(analytic) if per_latent else KlEstimate(total(analytic), "analytic")
    estimate = _monte_carlo(log_ratios)
    if not per_latent:
        return estimate
    parts = _sampled_per_latent(vae, posterior, log_ratios.shape[0], seed)
    # They sum to the KL already, but for rounding.
    rest = (estimate.kl_divergence - parts.sum(dim=-1)) / parts.shape[-1]
    return replace(estimate, per_latent=parts + rest.unsqueeze(-1))


def together(estimates: Sequence[KlEstimate]) -> KlEstimate:
    """The estimates of blocks of rows as one."""
    first = estimates[0]
    if len(estimates) == 1:
        return first
    columns: dict[str, Any] = {
        name: torch.cat([getattr(each, name) for each in estimates])
        for name in ("kl_divergence", "standard_error", "per_latent")
        if getattr(first, name) is not None
    }
    return replace(first, **columns)


def _analytic(per_latent: Float[Tensor, "rows latents"]) -> KlEstimate:
    kl_divergence = total(per_latent)
    return KlEstimate(kl_divergence, "analytic", per_latent=per_latent.to(kl_divergence))


def _monte_carlo(log_ratios: Float[Tensor, "k rows"]) -> KlEstimate:
    error = bounds.elbo_standard_error(log_ratios) if log_ratios.shape[0] > 1 else None
    return KlEstimate(-log_ratios.mean(dim=0), "monte_carlo", error)


def _sampled_per_latent(
    vae: VAE, posterior: Posterior, num_samples: int, seed: int
) -> Float[Tensor, "rows latents"]:
    """Means of log q(z_i | z_1 ... z_i-1, x) - log p(z_i | z_1 ... z_i-1)."""
    law = vae.prior_law()
    sums = torch.zeros_like(posterior.loc, dtype=torch.float64)
    for z in draws(vae, posterior, range(num_samples), seed=seed):
        log_ratio = law.conditional_log_prob(z) - posterior.conditional_log_prob(z)
        sums -= log_ratio.sum(dim=0)
    return sums / num_samples
