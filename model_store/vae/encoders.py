"""Encoders: from what is known of a row to q(z | x)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.vae.networks import DenseNetwork
from model_store.vae.posteriors import DiagonalGaussian, Posterior
from model_store.vae.rows import Rows


class Encoder(ABC):
    """Answers with a posterior for every row, also where features are missing.

    Attributes:
        widest: Numbers of its widest layer.
    """

    widest: int

    @abstractmethod
    def posterior(self, embedding: Float[Tensor, "rows inputs"], rows: Rows) -> Posterior:
        """q(z | x) of each row.

        Args:
            embedding: The head's embedding of the rows, 0 where a feature is missing.
            rows: The rows themselves.
        """

    def posterior_of(self, inputs: Float[Tensor, "n inputs"]) -> Posterior:
        """q(z | x) of whatever looks like these inputs, where the encoder is a function of inputs.

        Raises:
            NotImplementedError: it is not, so that it cannot have pseudo-inputs.
        """
        raise NotImplementedError


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
        self.sees_mask = mask_width > 0
        self._latent_dim = latent_dim
        self._family = family

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
        return self._family.from_outputs(self(inputs), self._latent_dim)
