"""The parameters of priors: none, those of Gaussians, or rows that the encoder never saw."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model_store.vae.posteriors import LOG_VARIANCE_RANGE, DiagonalGaussian, Posterior
from model_store.vae.priors.interface import Prior, PriorLaw
from model_store.vae.priors.laws import GaussianLaw, MixtureLaw, StandardNormalLaw


class StandardNormal(Prior):
    """p(z) = N(0, I)."""

    def law(self, encoder: Callable[[Tensor], Posterior]) -> PriorLaw:  # noqa: ARG002
        """N(0, I)."""
        return StandardNormalLaw()


class MixturePrior(Prior):
    """p(z) = sum_n softmax(logits)_n prod_i N(z_i; loc_ni, exp(log_scale_ni)^2), all learned.

    Fresh, each component is N(0, I), and so is the mixture.

    Args:
        components: How many.
        latents: Width of z.
    """

    def __init__(self, components: int, latents: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(components))
        self.loc = nn.Parameter(torch.zeros(components, latents))
        self.log_scale = nn.Parameter(torch.zeros(components, latents))

    def law(self, encoder: Callable[[Tensor], Posterior]) -> PriorLaw:  # noqa: ARG002
        """The mixture, its scales in the range of a posterior's."""
        low, high = LOG_VARIANCE_RANGE
        log_scale = self.log_scale.clamp(low / 2, high / 2)
        return _mixture(self.logits.log_softmax(dim=0), DiagonalGaussian(self.loc, log_scale))


class VampPrior(Prior):
    """p(z) = 1/N sum_n q(z | u_n): the average posterior of N learned pseudo-inputs.

    Tomczak & Welling, 2018, arXiv:1705.07120. A pseudo-input is what the encoder sees of a row.

    Args:
        components: How many pseudo-inputs.
        inputs: What the encoder sees of a row is so wide.
    """

    def __init__(self, components: int, inputs: int) -> None:
        super().__init__()
        self.pseudo_inputs = nn.Parameter(torch.zeros(components, inputs))

    def law(self, encoder: Callable[[Tensor], Posterior]) -> PriorLaw:
        """The mixture of the pseudo-inputs' posteriors."""
        count = self.pseudo_inputs.shape[0]
        log_weights = self.pseudo_inputs.new_full((count,), -math.log(count))
        return _mixture(log_weights, encoder(self.pseudo_inputs))


def _mixture(log_weights: Float[Tensor, " components"], components: Posterior) -> PriorLaw:
    """The law, one of a single component having the closed forms of a Gaussian."""
    if len(log_weights) == 1:
        return GaussianLaw(components)
    return MixtureLaw(log_weights, components)
