"""A posterior of independent latents."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.vae.posteriors.interface import (
    HALF_LOG_2_PI,
    LOG_SCALE_RANGE,
    LOG_VARIANCE_RANGE,
    Posterior,
)
from model_store.vae.sums import widest_float


@dataclass(frozen=True, eq=False)
class DiagonalGaussian(Posterior):
    """q(z | x) = prod_i N(z_i; loc_i, scale_i^2); `log_diagonal` is the log of the scale."""

    @staticmethod
    def output_width(latents: int) -> int:
        """Means and log-variances."""
        return 2 * latents

    @classmethod
    def from_outputs(
        cls, outputs: Float[Tensor, "rows outputs"], latents: int
    ) -> "DiagonalGaussian":
        """Means, then log-variances, clamped."""
        loc, log_variance = outputs.tensor_split((latents,), dim=-1)
        return cls(loc, log_variance.clamp(*LOG_VARIANCE_RANGE).mul_(0.5))

    @staticmethod
    def output_factors(latents: int) -> Float[Tensor, " outputs"]:
        """1 for means, a half for log-variances."""
        return torch.tensor([1.0, 0.5]).repeat_interleave(latents)

    @classmethod
    def from_multiplied(
        cls, outputs: Float[Tensor, "rows outputs"], latents: int
    ) -> "DiagonalGaussian":
        """Means, then log-scales, clamped."""
        loc, log_scale = outputs.tensor_split((latents,), dim=-1)
        return cls(loc, log_scale.clamp(*LOG_SCALE_RANGE))

    def to_outputs(self) -> Float[Tensor, "rows outputs"]:
        """Means, then log-variances."""
        return torch.cat([self.loc, 2 * self.log_diagonal], dim=-1)

    @property
    def factor(self) -> Float[Tensor, "rows latents latents"]:
        """The scales on the diagonal."""
        return torch.diag_embed(self.scale)

    @cached_property
    def scale(self) -> Float[Tensor, "rows latents"]:
        """Standard deviation."""
        return self.log_diagonal.exp()

    def sample(self, noise: Float[Tensor, "k latents"]) -> Float[Tensor, "k rows latents"]:
        """Loc + scale * noise."""
        return torch.addcmul(self.loc, self.scale, noise.unsqueeze(1))

    def sample_each(self, noise: Float[Tensor, "rows latents"]) -> Float[Tensor, "rows latents"]:
        """Loc + scale * noise."""
        return self.loc + self.scale * noise

    def standardize(self, z: Float[Tensor, "k rows latents"]) -> Float[Tensor, "k rows latents"]:
        """(z - loc) / scale."""
        return (z - self.loc) / self.scale

    def log_prob_table(self, z: Float[Tensor, "k latents"]) -> Float[Tensor, "k rows"]:
        """The square multiplied out into two products of matrices, which float64 can bear."""
        exact = widest_float(z.device)
        z, loc, log_scale = z.to(exact), self.loc.to(exact), self.log_diagonal.to(exact)
        precision = torch.exp(-2 * log_scale)
        constant = (0.5 * precision * loc.square() + log_scale + HALF_LOG_2_PI).sum(dim=-1)
        return z @ (precision * loc).T - 0.5 * z.square() @ precision.T - constant

    def variance_along(self, directions: Float[Tensor, "n latents"]) -> Float[Tensor, "rows n"]:
        """Variances weighted by squares."""
        return self.scale.square() @ directions.square().T

    def rescaled(
        self, loc: Float[Tensor, "*#rows latents"], log_scale: Float[Tensor, "*#rows latents"]
    ) -> "DiagonalGaussian":
        """Another diagonal one."""
        return DiagonalGaussian(
            (self.loc - loc) * torch.exp(-log_scale), self.log_diagonal - log_scale
        )

    def whiten(self, other: Posterior) -> Posterior:
        """The other in units of this one."""
        return other.rescaled(self.loc, self.log_diagonal)
