"""The evidence lower bound of each row, its two terms and their parts."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.vae import bounds
from model_store.vae.chunks import finite_rows, row_blocks, sample_ranges
from model_store.vae.model import VAE
from model_store.vae.noise import Noise
from model_store.vae.rows import Rows
from model_store.vae.sums import total


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
    `per_feature` spreads evenly over the observed features so that they sum to the term.

    Where features are missing it is the bound on log p of the observed ones: a missing feature's
    part is 0. Of a row with none observed it is exactly -KL(q(z | nothing) || p(z)).

    Raises:
        ShapeError, SupportError: x does not fit the model.
        OutOfRangeError: a row's elbo is not finite.
    """
    rows = vae.to_model_units(x)
    blocks = [
        _of_block(vae, b, num_samples, seed, per_feature=per_feature) for b in row_blocks(vae, rows)
    ]
    kl_per_latent = torch.cat([b.kl_per_latent for b in blocks]).double()
    kl_divergence = total(kl_per_latent)
    # With nothing observed every log weight would be a draw of -KL, which is known.
    log_weights = torch.cat([b.log_weights for b in blocks], dim=1)
    log_weights = torch.where(rows.is_empty, -kl_divergence, log_weights)
    elbo = finite_rows(bounds.elbo(log_weights), "elbo")
    reconstruction = elbo + kl_divergence
    parts = None
    if per_feature:
        averages = torch.cat([b.feature_log_prob for b in blocks])
        parts = vae.to_event(_summing_to(reconstruction, averages, rows))
    return ElboEstimate(
        elbo=elbo,
        reconstruction=reconstruction,
        kl_divergence=kl_divergence,
        standard_error=bounds.elbo_standard_error(log_weights) if num_samples > 1 else None,
        per_feature=parts,
        per_latent=kl_per_latent if per_latent else None,
    )


@dataclass(frozen=True, eq=False)
class _Block:
    log_weights: Float[Tensor, "k rows"]
    kl_per_latent: Float[Tensor, "rows latents"]
    feature_log_prob: Float[Tensor, "rows features"]  # averaged over samples; empty unless asked


def _of_block(vae: VAE, rows: Rows, num_samples: int, seed: int, *, per_feature: bool) -> _Block:
    posterior = vae.posterior(rows)
    noise = Noise(seed)
    weights, sums = [], torch.zeros_like(rows.y if per_feature else rows.y[:, :0]).double()
    for part in sample_ranges(vae, range(num_samples), rows=len(rows)):
        z = posterior.sample(noise.normal(part.start, part.stop, vae.latent_dim).to(vae.device))
        if per_feature:
            log_prob = vae.log_prob(rows, z)
            weights.append(total(log_prob) + vae.log_ratio(posterior, z))
            sums += log_prob.sum(dim=0, dtype=torch.float64)
        else:
            weights.append(vae.total_log_prob(rows, z) + vae.log_ratio(posterior, z))
    return _Block(torch.cat(weights), vae.kl_divergence(posterior), sums / num_samples)


def _summing_to(
    sums: Float[Tensor, " rows"], parts: Float[Tensor, "rows features"], rows: Rows
) -> Float[Tensor, "rows features"]:
    """The parts, what they lack spread evenly over the observed features of each row."""
    share = (sums - parts.sum(dim=-1)) / rows.num_observed.clamp(min=1)
    return parts + rows.of_observed(share.unsqueeze(-1).expand(parts.shape))
