"""Held-out numbers with their standard errors, in data units and at KL weight 1."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from model_store.schema import Estimate, Evaluation
from model_store.vae.estimators import estimate_elbo, estimate_log_likelihood
from model_store.vae.model import VAE

MAX_ROWS = 2_000  # the standard error says what that leaves open
ELBO_SAMPLES = 64
LOG_LIKELIHOOD_SAMPLES = 500
ACTIVE_VARIANCE = 0.01  # Burda et al., 2016, arXiv:1509.00519, section 3.1


def evaluate(vae: VAE, x: Tensor, feature_names: Sequence[str]) -> Evaluation:
    """Score held-out rows, at most 2,000 of them.

    Standard errors are over rows: how far the mean over all rows of this kind may lie.

    Args:
        vae: A trained model on the CPU.
        x: Held-out rows in data units, shape (rows, *event), in no particular order.
        feature_names: Names of the features, flat.
    """
    x = x[:MAX_ROWS]
    elbo = estimate_elbo(vae, x, num_samples=ELBO_SAMPLES, seed=0, per_latent=True)
    likelihood = estimate_log_likelihood(vae, x, num_samples=LOG_LIKELIHOOD_SAMPLES, seed=0)
    per_latent = elbo.per_latent
    if per_latent is None:  # asked for above
        raise AssertionError
    return Evaluation(
        rows=x.shape[0],
        num_samples=LOG_LIKELIHOOD_SAMPLES,
        elbo=_mean(elbo.elbo),
        log_likelihood=_mean(likelihood.log_likelihood),
        reconstruction=_mean(elbo.reconstruction),
        kl_divergence=_mean(elbo.kl_divergence),
        bits_per_dim=float(likelihood.bits_per_dim.mean()),
        active_units=_active_units(vae, x),
        kl_per_latent=tuple(per_latent.mean(dim=0).tolist()),
        features_at_floor=_features_at_floor(vae, x, feature_names),
        reliable_fraction=float(likelihood.reliable.double().mean()),
    )


def _mean(values: Tensor) -> Estimate:
    error = float(values.std()) / math.sqrt(values.shape[0]) if values.shape[0] > 1 else 0.0
    return Estimate(value=float(values.mean()), standard_error=error)


@torch.inference_mode()
def _active_units(vae: VAE, x: Tensor) -> int:
    """Latents whose posterior mean varies over the rows, by the prior's measure."""
    loc = vae.posterior(vae.to_model_units(x)).loc
    least = ACTIVE_VARIANCE * vae.prior_law().variance
    return int((loc.var(dim=0, unbiased=False) > least).sum())


@torch.inference_mode()
def _features_at_floor(vae: VAE, x: Tensor, names: Sequence[str]) -> tuple[str, ...]:
    likelihood = vae.likelihood(vae.posterior(vae.to_model_units(x)).loc)
    flags = vae.head.at_floor(likelihood).tolist()
    return tuple(name for name, flag in zip(names, flags, strict=True) if flag)
