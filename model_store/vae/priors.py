"""p(z): where latents come from before any data is seen."""

import math

from jaxtyping import Float
from torch import Tensor, nn

from model_store.vae.posteriors import DiagonalGaussian


class StandardNormal(nn.Module):
    """p(z) = N(0, I)."""

    def log_prob(self, z: Float[Tensor, "*batch latents"]) -> Float[Tensor, "*batch latents"]:
        """Log-density of each latent in nats; their sum is log p(z)."""
        return -0.5 * z.square() - 0.5 * math.log(2 * math.pi)

    def sample(
        self, noise: Float[Tensor, "k latents"], *, temperature: float
    ) -> Float[Tensor, "k latents"]:
        """Draws with every standard deviation multiplied by `temperature`."""
        return temperature * noise

    def kl_divergence(self, posterior: DiagonalGaussian) -> Float[Tensor, "rows latents"]:
        """KL(q(z | x) || p(z)) of each latent in nats, in closed form; their sum is the KL.

        1/2 (mu^2 + v - 1 - log v), zero exactly where mu = 0 and v = 1.
        """
        variance = (2 * posterior.log_scale).exp()
        return 0.5 * (posterior.loc.square() + variance - 1 - 2 * posterior.log_scale)
