"""Laplace likelihood for real features whose errors have heavier tails than a Gaussian's."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.vae.likelihoods.intervals import StandardInterval
from model_store.vae.likelihoods.location_scale import LocationScaleHead, LocationScaleLikelihood


@dataclass(frozen=True, eq=False)
class LaplaceLikelihood(LocationScaleLikelihood):
    """Independent Laplace features: p(x | z) = prod_i exp(-|x_i - loc_i| / scale_i) / (2 scale_i).

    log p is minus the absolute error over the scale plus constants, so its best location is a
    median where a Gaussian's is a mean.

    Args:
        loc: Means, which are the medians too, shape (*batch, features).
        log_scale: Natural log of the mean absolute deviations, broadcastable to loc.
    """

    def standard_log_prob(
        self, t: Float[Tensor, "*batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """-|t| - log 2."""
        return -t.abs() - math.log(2)

    def standard_cdf(self, t: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch features"]:
        """exp(t) / 2 below the median, and one minus its mirror image above."""
        tail = 0.5 * torch.exp(-t.abs())
        return torch.where(t < 0, tail, 1 - tail)

    def standard_interval_log_prob(
        self, interval: StandardInterval
    ) -> Float[Tensor, "*batch features"]:
        """One formula beside the median and one across it; neither cancels."""
        below = interval.high.clamp(max=0)
        beside = below + torch.log(-torch.expm1(-2 * interval.half)) - math.log(2)
        both = torch.expm1(interval.low.clamp(max=0)) + torch.expm1(-interval.high.clamp(min=0))
        return torch.where(interval.high > 0, torch.log(-0.5 * both), beside)

    @property
    def standard_variance(self) -> Float[Tensor, "..."]:
        """2."""
        return torch.full_like(self.log_scale, 2.0)

    def standard_quantile(
        self, uniforms: Float[Tensor, "*batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """The log of twice the nearer tail."""
        below = torch.log(2 * torch.minimum(uniforms, 1 - uniforms))
        return torch.where(uniforms < 0.5, below, -below)


class LaplaceHead(LocationScaleHead):
    """One median per feature, and where `scale` is "predicted" one log mean deviation too."""

    affine_embedding = (1.0, 0.0)

    def law(
        self,
        loc: Float[Tensor, "*batch features"],
        log_scale: Float[Tensor, "*#batch features"],
    ) -> LaplaceLikelihood:
        """A Laplace law."""
        return LaplaceLikelihood(loc, log_scale)

    def marginal(
        self, y: Float[Tensor, "rows features"]
    ) -> tuple[Float[Tensor, " features"], Float[Tensor, " features"]]:
        """Medians and mean absolute deviations from them."""
        median = y.median(dim=0).values
        return median, (y - median).abs().mean(dim=0)
