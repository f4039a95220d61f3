"""q(z | x): what the encoder says about the latents of a row."""

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

# exp(-7) is a posterior standard deviation of 1e-3: far below what a decoder can resolve, and far
# above where float32 noise would show in log q. exp(2) is one that ignores the data.
LOG_VARIANCE_RANGE = (-18.0, 4.0)


@dataclass(frozen=True, eq=False)
class DiagonalGaussian:
    """q(z | x) = prod_i N(z_i; loc_i, scale_i^2).

    Args:
        loc: Mean, shape (rows, latents).
        log_scale: Natural log of the standard deviation, shape (rows, latents).
    """

    loc: Float[Tensor, "rows latents"]
    log_scale: Float[Tensor, "rows latents"]

    @classmethod
    def from_outputs(cls, outputs: Float[Tensor, "rows twice_latents"]) -> "DiagonalGaussian":
        """The posterior an encoder's outputs stand for: means, then log-variances, clamped."""
        loc, log_variance = outputs.chunk(2, dim=-1)
        return cls(loc, 0.5 * log_variance.clamp(*LOG_VARIANCE_RANGE))

    @property
    def scale(self) -> Float[Tensor, "rows latents"]:
        """Standard deviation."""
        return self.log_scale.exp()

    def split(self, rows: int) -> "list[DiagonalGaussian]":
        """The posteriors of `rows` rows at a time."""
        pairs = zip(self.loc.split(rows), self.log_scale.split(rows), strict=True)
        return [DiagonalGaussian(loc, log_scale) for loc, log_scale in pairs]

    def sample(self, noise: Float[Tensor, "k latents"]) -> Float[Tensor, "k rows latents"]:
        """Reparametrised draws loc + scale * noise; every row sees the same noise."""
        return self.loc + self.scale * noise.unsqueeze(1)

    def log_prob(self, z: Float[Tensor, "k rows latents"]) -> Float[Tensor, "k rows latents"]:
        """Log-density of each latent in nats; their sum is log q(z | x)."""
        standardized = (z - self.loc) / self.scale
        return -0.5 * standardized.square() - self.log_scale - 0.5 * math.log(2 * math.pi)
