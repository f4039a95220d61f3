"""What every posterior q(z | x) offers: a Gaussian for each row."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from model_store.vae.sums import total

# exp(-9) is far below what a decoder can resolve, and above where float32 noise would show in
# log q. exp(2) is a standard deviation that ignores the data.
LOG_VARIANCE_RANGE = (-18.0, 4.0)
LOG_SCALE_RANGE = (-9.0, 2.0)

HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)

_MINUS_HALF = torch.tensor(-0.5)  # made once: from a number it would be made for every sum


@dataclass(frozen=True, eq=False)
class Posterior(ABC):
    """q(z | x) = N(z; loc, L L') of each row, L lower triangular with a positive diagonal.

    Every field has the rows on its first axis and takes any real number.

    Args:
        loc: Mean, shape (rows, latents).
        log_diagonal: Log L_ii, of the standard deviation of a latent given those before it, shape
            (rows, latents).
    """

    loc: Float[Tensor, "rows latents"]
    log_diagonal: Float[Tensor, "rows latents"]

    @staticmethod
    @abstractmethod
    def output_width(latents: int) -> int:
        """How many outputs an encoder has for so many latents."""

    @classmethod
    @abstractmethod
    def from_outputs(cls, outputs: Float[Tensor, "rows outputs"], latents: int) -> "Posterior":
        """The posterior that outputs stand for: means, then 2 log L_ii, clamped, then the rest."""

    @staticmethod
    @abstractmethod
    def output_factors(latents: int) -> Float[Tensor, " outputs"]:
        """What `from_outputs` multiplies outputs by."""

    @classmethod
    @abstractmethod
    def from_multiplied(cls, outputs: Float[Tensor, "rows outputs"], latents: int) -> "Posterior":
        """The posterior that outputs stand for which have been multiplied already."""

    @abstractmethod
    def to_outputs(self) -> Float[Tensor, "rows outputs"]:
        """The outputs that stand for it; inverts `from_outputs` where nothing is clamped."""

    @property
    @abstractmethod
    def factor(self) -> Float[Tensor, "rows latents latents"]:
        """L, of each row."""

    @property
    @abstractmethod
    def scale(self) -> Float[Tensor, "rows latents"]:
        """Standard deviation of each latent, whatever the others are."""

    @abstractmethod
    def sample(self, noise: Float[Tensor, "k latents"]) -> Float[Tensor, "k rows latents"]:
        """Reparametrised draws loc + L noise; every row sees the same noise."""

    @abstractmethod
    def sample_each(self, noise: Float[Tensor, "rows latents"]) -> Float[Tensor, "rows latents"]:
        """One draw for each row, from noise of its own."""

    @abstractmethod
    def standardize(self, z: Float[Tensor, "k rows latents"]) -> Float[Tensor, "k rows latents"]:
        """The noise that z comes from: the solution of loc + L noise = z."""

    @abstractmethod
    def log_prob_table(self, z: Float[Tensor, "k latents"]) -> Float[Tensor, "k rows"]:
        """Log-density of each z under the law of each row, in nats and float64.

        With as many laws as a mixture prior has, products of matrices are several times quicker
        than `log_prob`.
        """

    @abstractmethod
    def variance_along(self, directions: Float[Tensor, "n latents"]) -> Float[Tensor, "rows n"]:
        """Variance of the inner product of z with each direction."""

    @abstractmethod
    def rescaled(
        self, loc: Float[Tensor, "*#rows latents"], log_scale: Float[Tensor, "*#rows latents"]
    ) -> "Posterior":
        """The law of (z - loc) / exp(log_scale)."""

    @abstractmethod
    def whiten(self, other: "Posterior") -> "Posterior":
        """The law of the noise that z, drawn from `other`, would have come from here.

        A map of triangles: for each i it takes z_1 ... z_i to noise_1 ... noise_i. Itself of one
        row, it takes any number of them.
        """

    def conditional_log_prob(
        self, z: Float[Tensor, "k rows latents"]
    ) -> Float[Tensor, "k rows latents"]:
        """Log q(z_i | z_1 ... z_i-1, x) in nats; their sum is log q(z | x)."""
        return -0.5 * self.standardize(z).square() - self.log_diagonal - HALF_LOG_2_PI

    def log_prob(self, z: Float[Tensor, "k rows latents"]) -> Float[Tensor, "k rows"]:
        """Log q(z | x) in nats and float64."""
        # The sum of the above, its constants added where there are fewer numbers.
        noise = self.standardize(z)
        halves = torch.addcmul(self.log_diagonal, noise, noise, value=0.5)
        return -z.shape[-1] * HALF_LOG_2_PI - total(halves)

    @property
    def entropy(self) -> Float[Tensor, " rows"]:
        """-E_q[log q(z | x)] in nats and float64."""
        return total(self.log_diagonal + HALF_LOG_2_PI + 0.5)

    def kl_to_standard_normal(self) -> Float[Tensor, "rows latents"]:
        """KL(q(z | x) || N(0, I)) in nats, latent by latent; their sum is the KL.

        By the chain rule, latent i has E KL(q(z_i | z_1 ... z_i-1, x) || N(0, 1)), which is
        1/2 (mu_i^2 + Sigma_ii - 1) - log L_ii and never below zero.
        """
        rest = torch.sub(_MINUS_HALF, self.log_diagonal)
        half_square = torch.addcmul(rest, self.loc, self.loc, value=0.5)
        scale = self.scale
        return torch.addcmul(half_square, scale, scale, value=0.5)

    def select(self, rows: Int[Tensor, " n"] | Bool[Tensor, " rows"] | slice) -> "Posterior":
        """The posteriors of some of the rows."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def split(self, rows: int) -> "list[Posterior]":
        """The posteriors of `rows` rows at a time."""
        count = self.loc.shape[0]
        if count <= rows:
            return [self]
        return [self.select(slice(start, start + rows)) for start in range(0, count, rows)]


def together(posteriors: Sequence[Posterior]) -> Posterior:
    """Posteriors of one kind, those of the first before those of the second, as one."""
    if len(posteriors) == 1:
        return posteriors[0]
    parts = {
        f.name: torch.cat([getattr(each, f.name) for each in posteriors])
        for f in fields(posteriors[0])
    }
    return replace(posteriors[0], **parts)
