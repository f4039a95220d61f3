"""Encoders: from what is known of a row to q(z | x)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model_store.vae.frozen import FrozenNetwork, are_small
from model_store.vae.networks import DenseNetwork
from model_store.vae.posteriors import DiagonalGaussian, FullGaussian, Posterior
from model_store.vae.rows import Rows
from model_store.vae.sums import widest_float


class Encoder(nn.Module, ABC):
    """Answers with a posterior for every row, also where features are missing.

    Attributes:
        widest: Numbers of its widest layer.
    """

    widest: int

    @property
    def gaussians_of_complete(self) -> FrozenNetwork | None:
        """From rows without a gap to the means and log-scales of diagonal Gaussians.

        None where that is not all there is to a posterior, or weights may change.
        """
        return None

    def posterior_of_complete(self, y: Float[Tensor, "rows features"]) -> Posterior | None:  # noqa: ARG002
        """q(z | x) of rows in model units without a gap, where embedding them can be spared.

        None where it cannot.
        """
        return None

    @abstractmethod
    def posterior(self, embedding: Float[Tensor, "rows inputs"], rows: Rows) -> Posterior:
        """q(z | x) of each row.

        Args:
            embedding: The head's embedding of the rows, 0 where a feature is missing.
            rows: The rows themselves.
        """


class NetworkEncoder(DenseNetwork, Encoder):
    """A dense network whose outputs are a posterior.

    Args:
        inputs: Width of the embedding.
        hidden_sizes: Widths of the hidden layers.
        latent_dim: Latents.
        mask_width: Features of a row, if it takes one more input for each, 1 where it is there and
            0 where it is missing; 0 if it does not.
        family: The kind of posterior.
    """

    def __init__(
        self,
        inputs: int,
        hidden_sizes: Sequence[int],
        latent_dim: int,
        *,
        mask_width: int = 0,
        family: type[Posterior] = DiagonalGaussian,
    ) -> None:
        super().__init__(inputs + mask_width, hidden_sizes, family.output_width(latent_dim))
        self.sees_mask, self._mask_width = mask_width > 0, mask_width
        self._latent_dim = latent_dim
        self._family = family
        self._of_complete: FrozenNetwork | None = None
        self._embedding: tuple[float, float] | None = None

    def freeze(self, embedding: tuple[float, float] | None = None) -> None:
        """As every network's.

        Args:
            embedding: Scale and shift, if these make the embedding of a value. Then complete rows
                have a network of their own, in whose weights it is, what the network is told of
                gaps, and what the posterior does to outputs.
        """
        super().freeze()
        self._embedding = embedding or self._embedding
        self._of_complete = None
        if self._embedding is not None and are_small(maps := self.maps):
            maps[0] = maps[0].after(*self._embedding, self.inputs - self._mask_width)
            maps[-1] = maps[-1].before(self._family.output_factors(self._latent_dim))
            self._of_complete = self.with_maps(maps)

    def train(self, mode: bool = True) -> "NetworkEncoder":
        """As every module's; the weights may change again."""
        self._of_complete = self._embedding = None
        super().train(mode)
        return self

    @property
    def gaussians_of_complete(self) -> FrozenNetwork | None:
        """The network for complete rows, if its posteriors are diagonal."""
        return self._of_complete if self._family is DiagonalGaussian else None

    def posterior_of_complete(self, y: Float[Tensor, "rows features"]) -> Posterior | None:
        """One pass of the network for complete rows."""
        if self._of_complete is None or torch.is_grad_enabled():
            return None
        return self._family.from_multiplied(self._of_complete(y), self._latent_dim)

    def posterior(self, embedding: Float[Tensor, "rows inputs"], rows: Rows) -> Posterior:
        """One pass of the network."""
        return self.posterior_of(self.inputs_of(embedding, rows))

    def inputs_of(
        self, embedding: Float[Tensor, "rows features"], rows: Rows
    ) -> Float[Tensor, "rows inputs"]:
        """What the network takes: the embedding, and if it is to, which features are there."""
        if not self.sees_mask:
            return embedding
        known = torch.ones_like(rows.y)
        known = known if rows.observed is None else known * rows.observed
        return torch.cat([embedding, known], dim=-1)

    def posterior_of(self, inputs: Float[Tensor, "n inputs"]) -> Posterior:
        """That of inputs which need not be those of a row."""
        return self._family.from_outputs(self.forward(inputs), self._latent_dim)


def as_network(encoder: Encoder) -> NetworkEncoder:
    """The encoder itself, as one that can be trained.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(encoder, NetworkEncoder):
        raise TypeError(f"A {type(encoder).__name__} has nothing to learn.")
    return encoder


class LinearGaussianEncoder(Encoder):
    """The posterior of p(y | z) = N(W z + b, diag s^2) under p(z) = N(0, I), in closed form.

    With the rows o of W that are observed, M = I + W_o' diag(s_o)^-2 W_o is its precision and
    M^-1 W_o' diag(s_o)^-2 (y_o - b_o) its mean (Tipping & Bishop, 1999): exact for every pattern of
    gaps as a full Gaussian, and as a diagonal one, of variances 1 / M_ii, the nearest to it.

    Args:
        num_features: Rows of W.
        latent_dim: Columns of W.
        family: The kind of posterior.
    """

    def __init__(self, num_features: int, latent_dim: int, *, family: type[Posterior]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_features, latent_dim))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.log_scale = nn.Parameter(torch.zeros(num_features))
        self.widest = max(num_features, latent_dim**2)
        self._is_full = family is FullGaussian

    def posterior(
        self,
        embedding: Float[Tensor, "rows inputs"],  # noqa: ARG002 - model units say it all
        rows: Rows,
    ) -> Posterior:
        """By a Cholesky factor of M in float64, one for all rows where nothing is missing."""
        wide = widest_float(rows.y.device)
        weight, precision = self.weight.to(wide), torch.exp(-2 * self.log_scale.to(wide))
        residual = rows.of_observed((rows.y.to(wide) - self.bias.to(wide)) * precision)
        m = self._posterior_precision(weight, precision, rows)
        factor = torch.linalg.cholesky(m)
        loc = torch.cholesky_solve((residual @ weight).unsqueeze(-1), factor).squeeze(-1).float()
        if self._is_full:
            covariance = torch.cholesky_inverse(factor)
            lower = torch.linalg.cholesky(covariance).float()
            return FullGaussian.from_factor(loc, lower.expand(len(loc), -1, -1))
        log_scale = -0.5 * m.diagonal(dim1=-2, dim2=-1).log().float()
        return DiagonalGaussian(loc, log_scale.expand(loc.shape))

    def _posterior_precision(
        self, weight: Tensor, precision: Tensor, rows: Rows
    ) -> Float[Tensor, "#rows latents latents"]:
        """M of each row, or of all."""
        latents = weight.shape[1]
        identity = torch.eye(latents, dtype=weight.dtype, device=weight.device)
        if rows.observed is None:
            return (identity + weight.T @ (precision.unsqueeze(-1) * weight)).unsqueeze(0)
        outer = torch.einsum("d,di,dj->dij", precision, weight, weight).flatten(1)
        sums = rows.observed.to(weight.dtype) @ outer
        return identity + sums.reshape(-1, latents, latents)
