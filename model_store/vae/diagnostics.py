"""How far the importance weights of a row can be trusted."""

import torch
from jaxtyping import Float
from torch import Tensor


def effective_sample_size(log_weights: Float[Tensor, "k *rows"]) -> Float[Tensor, "*rows"]:
    """Kish's (sum w)^2 / sum w^2, between 1 and k; k when all weights are equal."""
    return torch.exp(2 * log_weights.logsumexp(dim=0) - (2 * log_weights).logsumexp(dim=0))
