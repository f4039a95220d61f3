"""The laws that priors stand for: N(0, I), another Gaussian, and a mixture of Gaussians."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.vae.pieces import whole
from model_store.vae.posteriors import Posterior
from model_store.vae.priors.interface import KlEstimator, PriorLaw
from model_store.vae.sums import total, widest_float

# Largest intermediate, in float64 elements (8 MiB).
CHUNK_ELEMENTS = 2**20


@dataclass(frozen=True, eq=False)
class StandardNormalLaw(PriorLaw):
    """p(z) = N(0, I)."""

    kl_estimator: ClassVar[KlEstimator] = "analytic"

    def conditional_log_prob(
        self, z: Float[Tensor, "*batch latents"]
    ) -> Float[Tensor, "*batch latents"]:
        """Of each latent by itself."""
        return -0.5 * z.square() - 0.5 * math.log(2 * math.pi)

    def log_prob(self, z: Float[Tensor, "*batch latents"]) -> Float[Tensor, "*batch"]:
        """Their sum, its constants added where there are fewer numbers."""
        return -0.5 * (total(z.square()) + z.shape[-1] * math.log(2 * math.pi))

    def log_ratio(
        self, posterior: Posterior, z: Float[Tensor, "k rows latents"]
    ) -> Float[Tensor, "k rows"]:
        """Sum of log L_ii + (noise_i^2 - z_i^2) / 2: the constants cancel."""
        noise = posterior.standardize(z)
        of_noise = torch.addcmul(posterior.log_diagonal, noise, noise, value=0.5)
        return total(torch.addcmul(of_noise, z, z, value=-0.5))

    def sample(
        self,
        noise: Float[Tensor, "k latents"],
        uniforms: Float[Tensor, " k"],  # noqa: ARG002 - a single component
        *,
        temperature: float,
    ) -> Float[Tensor, "k latents"]:
        """The noise, as far out as the temperature says."""
        return temperature * noise

    @property
    def variance(self) -> Float[Tensor, " #latents"]:
        """One."""
        return torch.ones(1)

    def kl_divergence(self, posterior: Posterior) -> Float[Tensor, "rows latents"] | None:
        """1/2 (mu_i^2 + Sigma_ii - 1) - log L_ii."""
        return posterior.kl_to_standard_normal()


@dataclass(frozen=True, eq=False)
class GaussianLaw(PriorLaw):
    """p(z) is the Gaussian of a single row: a mixture of one component.

    Args:
        component: One row.
    """

    component: Posterior

    kl_estimator: ClassVar[KlEstimator] = "analytic"

    def conditional_log_prob(
        self, z: Float[Tensor, "*batch latents"]
    ) -> Float[Tensor, "*batch latents"]:
        """The component's."""
        flat = z.reshape(-1, 1, z.shape[-1])
        return self.component.conditional_log_prob(flat).reshape(z.shape)

    def sample(
        self,
        noise: Float[Tensor, "k latents"],
        uniforms: Float[Tensor, " k"],  # noqa: ARG002 - a single component
        *,
        temperature: float,
    ) -> Float[Tensor, "k latents"]:
        """Draws around its mean, as far out as the temperature says."""
        return self.component.sample(temperature * noise).squeeze(1)

    @property
    def variance(self) -> Float[Tensor, " #latents"]:
        """The component's."""
        return self.component.scale[0].square()

    def kl_divergence(self, posterior: Posterior) -> Float[Tensor, "rows latents"] | None:
        """That of the whitened posterior from N(0, I): a KL does not mind a change of variables."""
        return self.component.whiten(posterior).kl_to_standard_normal()


@dataclass(frozen=True, eq=False)
class MixtureLaw(PriorLaw):
    """p(z) = sum_n w_n N(z; m_n, S_n), its log by log-sum-exp over the components.

    Args:
        log_weights: Log w_n, summing to one as exp, shape (components,).
        components: One row each.
    """

    log_weights: Float[Tensor, " components"]
    components: Posterior

    kl_estimator: ClassVar[KlEstimator] = "monte_carlo"

    def log_prob(self, z: Float[Tensor, "*batch latents"]) -> Float[Tensor, "*batch"]:
        """Log sum_n w_n N(z; m_n, S_n)."""
        return self._in_chunks(self._log_prob, z)

    def conditional_log_prob(
        self, z: Float[Tensor, "*batch latents"]
    ) -> Float[Tensor, "*batch latents"]:
        """Differences of the logs of the marginals p(z_1 ... z_i), mixtures themselves."""
        return self._in_chunks(self._conditional_log_prob, z)

    def sample(
        self,
        noise: Float[Tensor, "k latents"],
        uniforms: Float[Tensor, " k"],
        *,
        temperature: float,
    ) -> Float[Tensor, "k latents"]:
        """Draws around the mean of a component, as far out as the temperature says."""
        upper = self.log_weights.exp().cumsum(dim=0, dtype=widest_float(noise.device))
        # Their sum may round to less than a uniform.
        picked = torch.searchsorted(upper, uniforms.to(upper)).clamp(max=len(upper) - 1)
        return self.components.select(picked).sample_each(temperature * noise)

    @property
    def variance(self) -> Float[Tensor, " #latents"]:
        """Within components and between them."""
        weights, loc = self.log_weights.exp(), self.components.loc
        second_moment = weights @ (self.components.scale.square() + loc.square())
        return second_moment - (weights @ loc).square()

    def _in_chunks(self, function: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
        """The function of flat latents, so many at a time that all components fit."""
        flat = z.reshape(-1, z.shape[-1])
        count, latents = self.components.loc.shape
        step = max(1, CHUNK_ELEMENTS // (latents * max(count, latents)))
        values = whole([function(part) for part in flat.split(step)])
        return values.reshape(*z.shape[:-1], *values.shape[1:])

    def _log_prob(self, z: Float[Tensor, "k latents"]) -> Float[Tensor, " k"]:
        return (self.components.log_prob_table(z) + self.log_weights).logsumexp(dim=-1)

    def _conditional_log_prob(self, z: Float[Tensor, "k latents"]) -> Float[Tensor, "k latents"]:
        each = z.unsqueeze(1).expand(-1, len(self.log_weights), -1)
        log_probs = self.components.conditional_log_prob(each).to(widest_float(z.device))
        joint = log_probs.cumsum(dim=-1) + self.log_weights.unsqueeze(-1)
        marginals = joint.logsumexp(dim=1)
        return torch.cat([marginals[:, :1], marginals.diff(dim=-1)], dim=-1)
