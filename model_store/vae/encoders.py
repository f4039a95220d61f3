"""Encoders: from what is known of a row to q(z | x)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.vae.networks import DenseNetwork
from model_store.vae.posteriors import DiagonalGaussian
from model_store.vae.rows import Rows


class Encoder(ABC):
    """Answers with a posterior for every row, also where features are missing.

    Attributes:
        widest: Numbers of its widest layer.
    """

    widest: int

    @abstractmethod
    def posterior(self, embedding: Float[Tensor, "rows inputs"], rows: Rows) -> DiagonalGaussian:
        """q(z | x) of each row.

        Args:
            embedding: The head's embedding of the rows, 0 where a feature is missing.
            rows: The rows themselves.
        """


class NetworkEncoder(DenseNetwork, Encoder):
    """A dense network whose outputs are means, then log-variances.

    Args:
        inputs: Width of the embedding.
        hidden_sizes: Widths of the hidden layers.
        latent_dim: Latents.
        mask_width: Features of a row, if it takes one more input for each, 1 where it is there and
            0 where it is missing; 0 if it does not.
    """

    def __init__(
        self, inputs: int, hidden_sizes: Sequence[int], latent_dim: int, *, mask_width: int = 0
    ) -> None:
        super().__init__(inputs + mask_width, hidden_sizes, 2 * latent_dim)
        self.sees_mask = mask_width > 0

    def posterior(self, embedding: Float[Tensor, "rows inputs"], rows: Rows) -> DiagonalGaussian:
        """One pass of the network."""
        if self.sees_mask:
            known = torch.ones_like(rows.y)
            known = known if rows.observed is None else known * rows.observed
            embedding = torch.cat([embedding, known], dim=-1)
        return DiagonalGaussian.from_outputs(self(embedding))
