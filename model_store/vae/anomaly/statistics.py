"""What one pass over draws of z tells of each row."""

import math
from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from model_store.vae import bounds
from model_store.vae.anomaly.pictures import Plainness, has_plainness, plainness
from model_store.vae.anomaly.reference import Reference
from model_store.vae.chunks import row_blocks, sample_ranges
from model_store.vae.estimators.divergence import kl_from_draws
from model_store.vae.estimators.elbo import summing_to
from model_store.vae.model import VAE
from model_store.vae.noise import Noise
from model_store.vae.posteriors import Posterior
from model_store.vae.rows import Rows
from model_store.vae.sums import bounded, total


@dataclass(frozen=True, eq=False)
class AnomalyStatistics:
    """What a model makes of each row, in nats, in model units and float64; every value is finite.

    Args:
        elbo: Evidence lower bound, reconstruction - kl_divergence.
        log_likelihood: Importance-weighted bound of the same draws.
        reconstruction: E_q log p(y | z).
        kl_divergence: KL(q(z | y) || p(z)).
        latent: Squared Mahalanobis distance of the posterior's mean under the aggregate posterior;
            no nats.
        neighbours: KL - log 1/8 sum_i p(y | z_i) over the 8 nearest reference latents z_i: minus
            the elbo with the codes of the rows that it should be like in place of its own. An
            encoder can find a code for a row that is like no other; its neighbours' do not fit it.
        contributions: -E_q log p(y_j | z), which sum to -reconstruction; 0 where missing.
        observed: Which features are there; None where all are.
        plainness: How simple it is, for pictures; None for other models.
    """

    elbo: Float[Tensor, " rows"]
    log_likelihood: Float[Tensor, " rows"]
    reconstruction: Float[Tensor, " rows"]
    kl_divergence: Float[Tensor, " rows"]
    latent: Float[Tensor, " rows"]
    neighbours: Float[Tensor, " rows"]
    contributions: Float[Tensor, "rows features"]
    observed: Bool[Tensor, "rows features"] | None = None
    plainness: Plainness | None = None

    def __len__(self) -> int:
        """How many rows."""
        return self.elbo.shape[0]


@torch.inference_mode()
def anomaly_statistics(
    vae: VAE,
    x: Float[Tensor, "rows *event"],
    *,
    reference: Reference,
    num_samples: int,
    seed: int,
) -> AnomalyStatistics:
    """What the model makes of each row, whatever rows stand beside it.

    A row so far from the data that its numbers overflow keeps the largest that float32 has.

    Args:
        vae: The model.
        x: Rows in data units, NaN where a feature is missing.
        reference: Of the same model.
        num_samples: Draws of z for each row; the noise is the same for every row.
        seed: Of these draws.

    Raises:
        ShapeError, SupportError: x does not fit the model.
    """
    rows = vae.to_model_units(x)
    blocks = [_of_block(vae, b, reference, num_samples, seed) for b in row_blocks(vae, rows)]
    return blocks[0] if len(blocks) == 1 else _together(blocks)


def _of_block(
    vae: VAE, rows: Rows, reference: Reference, num_samples: int, seed: int
) -> AnomalyStatistics:
    posterior = vae.posterior(rows)
    log_weights, kl, averages = weigh(vae, rows, posterior, range(num_samples), seed)
    elbo = bounds.elbo(log_weights)
    reconstruction = elbo + kl
    # Log p of nothing is 0.
    likelihood = bounds.importance_weighted_bound(log_weights).masked_fill(rows.is_empty, 0.0)
    return AnomalyStatistics(
        elbo=bounded(elbo, low=True),
        log_likelihood=bounded(likelihood, low=True),
        reconstruction=bounded(reconstruction, low=True),
        kl_divergence=bounded(kl),
        latent=bounded(reference.squared_distance(posterior.loc)),
        neighbours=bounded(kl - neighbour_log_prob(vae, rows, posterior.loc, reference)),
        contributions=bounded(-summing_to(reconstruction, averages, rows)),
        observed=rows.observed,
        plainness=plainness(vae, rows, posterior.loc, seed) if has_plainness(vae) else None,
    )


def weigh(
    vae: VAE, rows: Rows, posterior: Posterior, samples: range, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Log weights (k, rows), the KL of each row, and E_q log p(y_j | z) by plain averages."""
    sums = torch.zeros_like(rows.y, dtype=torch.float64)
    log_probs, log_ratios = [], []
    # All of it at once, for there are few draws and many blocks of rows.
    noise = Noise(seed).normal(samples.start, samples.stop, vae.latent_dim).to(posterior.loc)
    for part in sample_ranges(vae, range(len(samples)), rows=len(rows)):
        z = posterior.sample(noise[part.start : part.stop])
        log_prob = rows.of_observed(vae.likelihood(z).log_prob(rows.y))
        log_probs.append(total(log_prob))
        log_ratios.append(vae.log_ratio(posterior, z))
        sums += log_prob.sum(dim=0, dtype=torch.float64)
    log_ratio = torch.cat(log_ratios)
    kl = kl_from_draws(vae, posterior, log_ratio, seed=seed, per_latent=False)
    log_weights = torch.cat(log_probs) + log_ratio
    if kl.estimator == "analytic" and rows.observed is not None:
        # With nothing observed every log weight would be a draw of -KL, which is known.
        log_weights = torch.where(rows.is_empty, -kl.kl_divergence, log_weights)
    return log_weights, kl.kl_divergence, sums / len(samples)


def neighbour_log_prob(
    vae: VAE, rows: Rows, loc: Float[Tensor, "rows latents"], reference: Reference
) -> Float[Tensor, " rows"]:
    """Log 1/8 sum_i p(y | z_i) over the 8 reference latents nearest to each row's own."""
    nearest = reference.nearest(loc)
    log_prob = total(rows.of_observed(reference.likelihood(vae, nearest).log_prob(rows.y)))
    return log_prob.logsumexp(dim=0) - math.log(len(nearest))


def _together(blocks: list[AnomalyStatistics]) -> AnomalyStatistics:
    """The statistics of rows after rows as one."""
    columns: dict[str, Any] = {}
    for field in fields(AnomalyStatistics):
        parts = [getattr(block, field.name) for block in blocks]
        if isinstance(parts[0], Plainness):
            columns[field.name] = Plainness.together(parts)
        else:
            columns[field.name] = None if parts[0] is None else torch.cat(parts)
    return AnomalyStatistics(**columns)
