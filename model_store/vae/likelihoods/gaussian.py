"""Gaussian likelihood for real features, its scale fixed, shared, per feature or predicted."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.vae.likelihoods.intervals import (
    StandardInterval,
    narrow_log_mass,
    wide_log_mass,
)
from model_store.vae.likelihoods.location_scale import LocationScaleHead, LocationScaleLikelihood
from model_store.vae.sums import total, total_of_one_sign


@dataclass(frozen=True, eq=False)
class GaussianLikelihood(LocationScaleLikelihood):
    """Independent Gaussian features: p(x | z) = prod_i N(x_i; loc_i, scale_i^2).

    log p is -SSE / (2 scale^2) plus constants, so a squared error is this log-density with the
    scale fixed and the constants dropped. Here nothing is dropped.

    Args:
        loc: Means, shape (*batch, features).
        log_scale: Natural log of the standard deviations, broadcastable to loc.
    """

    def standard_log_prob(
        self, t: Float[Tensor, "*batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """-t^2 / 2 and its constant."""
        return -0.5 * t.square() - 0.5 * math.log(2 * math.pi)

    def total_log_prob(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch"]:
        """-sum t^2 / 2 - sum log scale and constants, in nats and float64."""
        standardized = (x - self.loc) * torch.exp(-self.log_scale)
        squares = total_of_one_sign(standardized.square())
        log_scales = total(self.log_scale.expand(*self.log_scale.shape[:-1], x.shape[-1]))
        constant = 0.5 * math.log(2 * math.pi) * x.shape[-1]
        return -0.5 * squares - log_scales - constant

    def standard_cdf(self, t: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch features"]:
        """By the complementary error function: torch's ndtr has lost its digits at t = -7."""
        probability: Tensor = 0.5 * torch.special.erfc(-t * math.sqrt(0.5))
        return probability

    def standard_interval_log_prob(
        self, interval: StandardInterval
    ) -> Float[Tensor, "*batch features"]:
        """Narrow as far as t^2 / 2 changes by no more than a half."""
        widest = 0.5 / (1 - interval.middle)
        narrow = narrow_log_mass(self.standard_log_prob, interval, widest)
        wide = wide_log_mass(torch.special.log_ndtr, interval)
        return torch.where(interval.half <= widest, narrow, wide)

    @property
    def standard_variance(self) -> Float[Tensor, "..."]:
        """1."""
        return torch.ones_like(self.log_scale)

    def standard_quantile(
        self, uniforms: Float[Tensor, "*batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """By the inverse error function."""
        quantile: Tensor = torch.special.ndtri(uniforms)
        return quantile


class GaussianHead(LocationScaleHead):
    """One mean per feature, and where `scale` is "predicted" one log standard deviation too."""

    affine_embedding = (1.0, 0.0)

    def law(
        self,
        loc: Float[Tensor, "*batch features"],
        log_scale: Float[Tensor, "*#batch features"],
    ) -> GaussianLikelihood:
        """A Gaussian."""
        return GaussianLikelihood(loc, log_scale)

    def marginal(
        self, y: Float[Tensor, "rows features"]
    ) -> tuple[Float[Tensor, " features"], Float[Tensor, " features"]]:
        """Means and standard deviations."""
        return y.mean(dim=0), y.std(dim=0)
