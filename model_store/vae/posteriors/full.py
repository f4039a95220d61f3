"""A posterior of correlated latents, by a Cholesky factor."""

import math
from dataclasses import dataclass, replace
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
class FullGaussian(Posterior):
    """q(z | x) = N(z; loc, L L') with L = diag(s) (I + C), C strictly lower triangular.

    The entries of C have no unit: rescaling a latent changes its s alone.

    Args:
        loc: Mean, shape (rows, latents).
        log_diagonal: Log s, shape (rows, latents).
        lower: C_21, C_31, C_32, C_41, ..., shape (rows, pairs).
    """

    lower: Float[Tensor, "rows pairs"]

    @classmethod
    def from_factor(
        cls, loc: Float[Tensor, "rows latents"], factor: Float[Tensor, "rows latents latents"]
    ) -> "FullGaussian":
        """The law with this mean and this L."""
        diagonal = factor.diagonal(dim1=-2, dim2=-1)
        i, j = _pairs(loc.shape[-1], loc.device)
        return cls(loc, diagonal.log(), factor[:, i, j] / diagonal[:, i])

    @staticmethod
    def output_width(latents: int) -> int:
        """Means, log-variances, and a number for each pair of latents."""
        return 2 * latents + latents * (latents - 1) // 2

    @classmethod
    def from_outputs(cls, outputs: Float[Tensor, "rows outputs"], latents: int) -> "FullGaussian":
        """Means, log-variances, clamped, then sqrt(latents) C, whose rows then have a length of 1.

        Outputs near zero, as those of a fresh encoder, are nearly a diagonal posterior.
        """
        loc, log_variance, pairs = outputs.tensor_split((latents, 2 * latents), dim=-1)
        log_diagonal = 0.5 * log_variance.clamp(*LOG_VARIANCE_RANGE)
        return cls(loc, log_diagonal, pairs / math.sqrt(latents))

    @staticmethod
    def output_factors(latents: int) -> Float[Tensor, " outputs"]:
        """1 for means, a half for log-variances, 1 / sqrt(latents) for pairs."""
        counts = torch.tensor([latents, latents, latents * (latents - 1) // 2])
        return torch.tensor([1.0, 0.5, 1 / math.sqrt(latents)]).repeat_interleave(counts)

    @classmethod
    def from_multiplied(
        cls, outputs: Float[Tensor, "rows outputs"], latents: int
    ) -> "FullGaussian":
        """Means, log-scales, clamped, then C."""
        loc, log_scale, lower = outputs.tensor_split((latents, 2 * latents), dim=-1)
        return cls(loc, log_scale.clamp(*LOG_SCALE_RANGE), lower)

    def to_outputs(self) -> Float[Tensor, "rows outputs"]:
        """Means, log-variances, then sqrt(latents) C."""
        pairs = math.sqrt(self.loc.shape[-1]) * self.lower
        return torch.cat([self.loc, 2 * self.log_diagonal, pairs], dim=-1)

    @cached_property
    def factor(self) -> Float[Tensor, "rows latents latents"]:
        """L."""
        rows, latents = self.loc.shape
        i, j = _pairs(latents, self.loc.device)
        mixing = self.loc.new_zeros(rows, latents, latents)
        mixing[:, i, j] = self.lower
        mixing.diagonal(dim1=-2, dim2=-1).fill_(1)
        return self.log_diagonal.exp().unsqueeze(-1) * mixing

    @property
    def scale(self) -> Float[Tensor, "rows latents"]:
        """Lengths of L's rows."""
        return self.factor.square().sum(dim=-1).sqrt()

    def sample(self, noise: Float[Tensor, "k latents"]) -> Float[Tensor, "k rows latents"]:
        """Loc + L noise."""
        return self.loc + torch.einsum("rij,kj->kri", self.factor, noise)

    def sample_each(self, noise: Float[Tensor, "rows latents"]) -> Float[Tensor, "rows latents"]:
        """Loc + L noise."""
        return self.loc + torch.einsum("rij,rj->ri", self.factor, noise)

    def standardize(self, z: Float[Tensor, "k rows latents"]) -> Float[Tensor, "k rows latents"]:
        """By forward substitution."""
        offsets = (z - self.loc).permute(1, 2, 0)
        solved: Tensor = torch.linalg.solve_triangular(self.factor, offsets, upper=False)
        return solved.permute(2, 0, 1)

    def log_prob_table(self, z: Float[Tensor, "k latents"]) -> Float[Tensor, "k rows"]:
        """The form multiplied out: products of two latents by all rows' precisions."""
        quadratic, linear, constant = self._polynomial
        i, j = torch.tril_indices(*self.factor.shape[1:], device=z.device)
        z = z.to(quadratic)
        return z @ linear.T - (z[:, i] * z[:, j]) @ quadratic.T - constant

    @cached_property
    def _polynomial(self) -> tuple[Tensor, Tensor, Tensor]:
        """Coefficients in log q(z | x), signs apart: of z_i z_j with i >= j, of z_i, and of 1."""
        factor = self.factor.to(widest_float(self.loc.device))
        unit = torch.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
        inverse: Tensor = torch.linalg.solve_triangular(factor, unit, upper=False)
        shift = torch.einsum("rij,rj->ri", inverse, self.loc.to(factor))
        i, j = torch.tril_indices(*unit.shape, device=factor.device)
        precision = inverse.mT @ inverse
        # Below the diagonal an entry stands for its mirror image too.
        quadratic = precision[:, i, j] * torch.where(i == j, 0.5, 1.0)
        linear = torch.einsum("rij,ri->rj", inverse, shift)
        log_normalizer = (self.log_diagonal.to(factor) + HALF_LOG_2_PI).sum(dim=-1)
        return quadratic, linear, 0.5 * shift.square().sum(dim=-1) + log_normalizer

    def variance_along(self, directions: Float[Tensor, "n latents"]) -> Float[Tensor, "rows n"]:
        """The form d' L L' d, by way of the covariance: nothing is rows by n by latents large."""
        covariance = self.factor @ self.factor.mT
        products = directions.unsqueeze(-1) * directions.unsqueeze(-2)
        return covariance.flatten(1) @ products.flatten(1).T

    def rescaled(
        self, loc: Float[Tensor, "*#rows latents"], log_scale: Float[Tensor, "*#rows latents"]
    ) -> "FullGaussian":
        """Another with the same C."""
        moved = (self.loc - loc) * torch.exp(-log_scale)
        return replace(self, loc=moved, log_diagonal=self.log_diagonal - log_scale)

    def whiten(self, other: Posterior) -> Posterior:
        """The other's L times the inverse of this one's."""
        loc = self.standardize(other.loc.unsqueeze(1)).squeeze(1)
        factor = torch.linalg.solve_triangular(self.factor, other.factor, upper=False)
        return FullGaussian.from_factor(loc, factor)


def _pairs(latents: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Row and column of each place below the diagonal, row by row."""
    i, j = torch.tril_indices(latents, latents, offset=-1, device=device)
    return i, j
