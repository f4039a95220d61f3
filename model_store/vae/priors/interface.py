"""What every prior p(z) offers: a module with its parameters, and the law they stand for."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor, nn

from model_store.vae.posteriors import Posterior
from model_store.vae.sums import total

KlEstimator = Literal["analytic", "monte_carlo"]
"""Whether KL(q(z | x) || p(z)) is computed or estimated from draws of z."""


class PriorLaw(ABC):
    """p(z), a frozen value: parameters in, statistics out."""

    kl_estimator: ClassVar[KlEstimator]

    def log_prob(self, z: Float[Tensor, "*batch latents"]) -> Float[Tensor, "*batch"]:
        """Log p(z) in nats and float64."""
        return total(self.conditional_log_prob(z))

    def log_ratio(
        self, posterior: Posterior, z: Float[Tensor, "k rows latents"]
    ) -> Float[Tensor, "k rows"]:
        """Log p(z) - log q(z | x) in nats and float64."""
        return self.log_prob(z) - posterior.log_prob(z)

    @abstractmethod
    def conditional_log_prob(
        self, z: Float[Tensor, "*batch latents"]
    ) -> Float[Tensor, "*batch latents"]:
        """Log p(z_i | z_1 ... z_i-1) in nats and float64; their sum is log p(z)."""

    @abstractmethod
    def sample(
        self,
        noise: Float[Tensor, "k latents"],
        uniforms: Float[Tensor, " k"],
        *,
        temperature: float,
    ) -> Float[Tensor, "k latents"]:
        """Draws from standard normal noise, and from uniform noise that picks a component.

        The temperature multiplies standard deviations: of a mixture, those of its components,
        whose means and weights stay as they are.
        """

    @property
    @abstractmethod
    def variance(self) -> Float[Tensor, " #latents"]:
        """Of each latent."""

    def kl_divergence(self, posterior: Posterior) -> Float[Tensor, "rows latents"] | None:  # noqa: ARG002
        """KL(q(z | x) || p(z)) in nats, latent by latent; None where there is no closed form.

        Latent i has E KL(q(z_i | z_1 ... z_i-1, x) || p(z_i | z_1 ... z_i-1)); the chain rule makes
        their sum the KL.
        """
        return None


class Prior(nn.Module, ABC):
    """The parameters of p(z)."""

    @abstractmethod
    def law(self, encoder: Callable[[Tensor], Posterior]) -> PriorLaw:
        """The law that the parameters stand for now.

        Args:
            encoder: q(z | x) of what the encoder sees of x.
        """
