"""Where rows of the training set lie in the latent space."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from model_store.vae.chunks import latent_blocks, row_blocks
from model_store.vae.likelihoods import Likelihood
from model_store.vae.model import VAE
from model_store.vae.pieces import whole
from model_store.vae.posteriors import Posterior, together

MAX_REFERENCE_ROWS = 2_048
NEIGHBOURS = 8

# What is kept for speed may take this much: 16 MiB.
_KEPT_OUTPUTS = 2**22

# Computed at once: 1 MiB in float64, which fits a cache.
_DISTANCES = 2**17

# Of the latents' variance, where the prior's is 1: one without use has hardly any of its own.
RIDGE = 1e-3


@dataclass(frozen=True, eq=False)
class Reference:
    """What other rows are compared with.

    Args:
        latents: Posterior means of training rows, shape (n, latents).
        loc: Mean of the aggregate posterior, the average of q(z | x) over these rows.
        factor: F with F F' the inverse of its covariance, lower triangular: |(z - loc) F| is the
            Mahalanobis distance of z.
        outputs: What the decoder makes of the latents, (n, outputs), so that it is not asked for it
            row by row; None where that would be large.
    """

    latents: Float[Tensor, "n latents"]
    loc: Float[Tensor, " latents"]
    factor: Float[Tensor, "latents latents"]
    outputs: Float[Tensor, "n outputs"] | None = None

    @staticmethod
    @torch.inference_mode()
    def of(vae: VAE, x: Float[Tensor, "rows *event"]) -> "Reference":
        """That of these rows, in data units: of the first 2,048.

        Raises:
            ShapeError, SupportError: x does not fit the model.
        """
        rows = vae.to_model_units(x[:MAX_REFERENCE_ROWS])
        posterior = together([vae.posterior(block) for block in row_blocks(vae, rows)])
        loc = posterior.loc.double()
        covariance = _covariance(loc) + _mean_covariance(posterior)
        return Reference(posterior.loc, loc.mean(dim=0), _whitening(covariance)).decoded(vae)

    @torch.inference_mode()
    def decoded(self, vae: VAE) -> "Reference":
        """The same with the decoder's outputs, if they are not too many."""
        if len(self.latents) * vae.head.output_width > _KEPT_OUTPUTS:
            return self
        blocks = latent_blocks(vae, self.latents.to(vae.device))
        return replace(self, outputs=torch.cat([vae.decoder(block) for block in blocks]))

    def likelihood(self, vae: VAE, numbers: Int[Tensor, "k rows"]) -> Likelihood:
        """p(y | z) at the reference latents of these numbers."""
        if self.outputs is None:
            return vae.likelihood(self.latents[numbers])
        likelihood: Likelihood = vae.head(self.outputs[numbers])
        return likelihood

    def squared_distance(self, z: Float[Tensor, "rows latents"]) -> Float[Tensor, " rows"]:
        """Squared Mahalanobis distance of each z from the aggregate posterior; float64."""
        return ((z.double() - self.loc) @ self.factor).square().sum(dim=-1)

    def nearest(self, z: Float[Tensor, "rows latents"]) -> Int[Tensor, "k rows"]:
        """The numbers of the 8 reference latents that lie nearest to each z, of fewer if there are.

        By the Mahalanobis distance of their own covariance: as many times as a latent tells rows
        apart, and not by how sure an encoder is of it.
        """
        whitening, codes, squares = self._whitened
        count = min(NEIGHBOURS, len(self.latents))
        parts = []
        for rows in (z.double() @ whitening).split(max(1, _DISTANCES // len(codes))):
            # The square of z is the same for all of them.
            distances = torch.addmm(squares, rows, codes.T, alpha=-2)
            parts.append(distances.topk(count, dim=-1, largest=False, sorted=True).indices)
        return whole(parts).T

    @cached_property
    def _whitened(self) -> tuple[Tensor, Tensor, Tensor]:
        """What takes latents to units of their own spread, the reference's there, and squares."""
        loc = self.latents.double()
        whitening = _whitening(_covariance(loc))
        codes = loc @ whitening
        return whitening, codes, codes.square().sum(dim=-1)


def _covariance(loc: Float[Tensor, "n latents"]) -> Float[Tensor, "latents latents"]:
    width = loc.shape[-1]
    if len(loc) < 2:
        return torch.zeros(width, width, dtype=loc.dtype)
    return torch.cov(loc.T).reshape(width, width)


def _mean_covariance(posterior: Posterior) -> Float[Tensor, "latents latents"]:
    factors = posterior.factor.double()
    return torch.einsum("nij,nkj->ik", factors, factors) / len(factors)


def _whitening(covariance: Float[Tensor, "latents latents"]) -> Float[Tensor, "latents latents"]:
    ridge = RIDGE * torch.eye(len(covariance), dtype=covariance.dtype)
    factor: Tensor = torch.linalg.cholesky(torch.linalg.inv(covariance + ridge))
    return factor
