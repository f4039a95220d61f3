"""How simple a picture is: where likelihoods mislead, this does not."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.vae.likelihoods.location_scale import LocationScaleHead
from model_store.vae.model import VAE
from model_store.vae.noise import Noise
from model_store.vae.rows import Rows
from model_store.vae.sums import bounded, total

ENTROPY_SAMPLES = 8


@dataclass(frozen=True, eq=False)
class Plainness:
    """What p(y | z) at the posterior's mean z says of a picture, in model units and float64.

    A model of pictures gives simple ones a high likelihood, whatever it was trained on: a digit 1
    among other digits, house numbers among photographs (Nalisnick et al., 2019, arXiv:1810.09136).

    Args:
        entropy: Of p(y | z), in nats, estimated by 8 draws: low for what is simple.
        squared_error: |y - E[y | z]|^2.
        deviance: -log p(y | z) - entropy: negative where a picture fits better than the model's
            own draws.
    """

    entropy: Float[Tensor, " rows"]
    squared_error: Float[Tensor, " rows"]
    deviance: Float[Tensor, " rows"]

    @staticmethod
    def together(parts: "Sequence[Plainness]") -> "Plainness":
        """Those of rows after rows as one."""
        return Plainness(
            torch.cat([p.entropy for p in parts]),
            torch.cat([p.squared_error for p in parts]),
            torch.cat([p.deviance for p in parts]),
        )


def has_plainness(vae: VAE) -> bool:
    """Whether rows are pictures, of a model whose spread depends on z.

    With a spread that does not, the entropy is constant and the error is the likelihood.
    """
    head = vae.head
    constant = isinstance(head, LocationScaleHead) and head.scale != "predicted"
    return len(vae.event_shape) > 1 and not constant


def plainness(vae: VAE, rows: Rows, z: Float[Tensor, "rows latents"], seed: int) -> Plainness:
    """That of each row at its z; of its observed features."""
    law = vae.likelihood(z)
    entropy = torch.zeros(len(rows), dtype=torch.float64, device=z.device)
    # One at a time: many at once would not fit a cache.
    for uniforms in Noise(seed).uniform(0, ENTROPY_SAMPLES, vae.num_features).to(z.device):
        drawn = law.sample(uniforms.to(z.dtype).expand(rows.y.shape))
        entropy -= total(rows.of_observed(law.log_prob(drawn)))
    entropy = bounded(entropy / ENTROPY_SAMPLES)
    log_prob = total(rows.of_observed(law.log_prob(rows.y)))
    error = total(rows.of_observed(rows.y - law.center).square())
    return Plainness(entropy, bounded(error), bounded(-log_prob - entropy))
