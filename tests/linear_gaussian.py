"""A linear Gaussian VAE with known weights, and everything about it in closed form.

p(z) = N(0, I), p(x | z) = N(Wz + b, s^2 I), C = W W' + s^2 I, M = W'W + s^2 I. Facts 1-3 of
docs/statistics.md.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from model_store import schema
from model_store.build import build_vae
from model_store.schema import PosteriorName
from model_store.vae.model import VAE
from model_store.vae.posteriors import DiagonalGaussian, FullGaussian
from tests.models import features


@dataclass(frozen=True, eq=False)
class LinearGaussian:
    """W (features, latents), b (features,), s; all float64."""

    weights: Tensor
    bias: Tensor
    noise: float

    @property
    def covariance(self) -> Tensor:
        return self.weights @ self.weights.T + self.noise**2 * torch.eye(len(self.bias)).double()

    @property
    def m(self) -> Tensor:
        latents = self.weights.shape[1]
        return self.weights.T @ self.weights + self.noise**2 * torch.eye(latents).double()

    def log_prob(self, x: Tensor) -> Tensor:
        law = torch.distributions.MultivariateNormal(self.bias, self.covariance)
        return law.log_prob(x)

    def posterior_mean(self, x: Tensor) -> Tensor:
        return torch.linalg.solve(self.m, self.weights.T @ (x - self.bias).T).T

    def elbo_gap(self) -> float:
        """KL from the best diagonal posterior to the true one, the same for every x."""
        return 0.5 * float(self.m.diagonal().log().sum() - torch.logdet(self.m))

    def tail_index(self) -> float:
        """Pareto k of the best diagonal posterior's weights, the same for every x.

        log w is quadratic in q's standard noise, with 1 - (the correlations of M) as its form.
        """
        scale = self.m.diagonal().rsqrt()
        correlations = scale[:, None] * self.m * scale
        return 1 - float(torch.linalg.eigvalsh(correlations)[0])

    def sample(self, rows: int, seed: int = 0) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(rows, self.weights.shape[1], generator=generator, dtype=torch.float64)
        noise = torch.randn(rows, len(self.bias), generator=generator, dtype=torch.float64)
        return z @ self.weights.T + self.bias + self.noise * noise

    @property
    def schema(self) -> schema.ModelSchema:
        num_features, latents = self.weights.shape
        return schema.ModelSchema(
            event_shape=(num_features,),
            latent_dim=latents,
            features=features(num_features),
            likelihood=schema.Gaussian(scale="fixed"),
        )

    def vae(self, *, posterior: PosteriorName = "diagonal") -> VAE:
        """The same model as a VAE, with the best diagonal posterior or the exact, full one."""
        latents = self.weights.shape[1]
        vae = build_vae(self.schema.model_copy(update={"posterior": posterior}))
        to_mean = torch.linalg.solve(self.m, self.weights.T)
        with torch.no_grad():
            vae.decoder.output.weight.copy_(self.weights)
            vae.decoder.output.bias.copy_(self.bias)
            vae.head.raw_log_scale.fill_(math.log(self.noise))
            vae.encoder.output.weight.zero_()
            vae.encoder.output.weight[:latents] = to_mean
            vae.encoder.output.bias[:latents] = -to_mean @ self.bias
            vae.encoder.output.bias[latents:] = self._outputs(posterior)[latents:]
        return vae.requires_grad_(requires_grad=False)

    def _outputs(self, posterior: PosteriorName) -> Tensor:
        """What an encoder says of the posterior around zero."""
        loc = torch.zeros_like(self.m[:1])
        if posterior == "diagonal":
            law = DiagonalGaussian(loc, 0.5 * (self.noise**2 / self.m.diagonal()[None]).log())
            return law.to_outputs()[0]
        factor = torch.linalg.cholesky(self.noise**2 * torch.linalg.inv(self.m))
        return FullGaussian.from_factor(loc, factor[None]).to_outputs()[0]


def random_linear_gaussian(
    num_features: int, latents: int, seed: int, *, orthogonal: bool = False
) -> LinearGaussian:
    """Random weights; with orthogonal columns M is diagonal and the diagonal posterior exact."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(num_features, latents, generator=generator, dtype=torch.float64)
    if orthogonal:
        scales = 0.5 + torch.rand(latents, generator=generator, dtype=torch.float64)
        weights = torch.linalg.qr(weights).Q * scales
    bias = torch.randn(num_features, generator=generator, dtype=torch.float64)
    return LinearGaussian(weights, bias, noise=0.5)
