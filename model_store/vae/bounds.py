"""The elbo, the importance-weighted bound and their errors, as functions of log weights.

A log weight is log w(z) = log p(x | z) + log p(z) - log q(z | x) with z drawn from q(z | x). They
come as a table (k, rows) in float64.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor


def elbo(log_weights: Float[Tensor, "k *rows"]) -> Float[Tensor, "*rows"]:
    """Evidence lower bound E_q[log w] in nats, estimated as the mean of the log weights.

    Unbiased for any k. When q is the exact posterior every log weight is log p(x), so the estimate
    has no error at all (Roeder et al., 2017, arXiv:1703.09194).
    """
    # The mean of one is itself.
    return log_weights[0] if log_weights.shape[0] == 1 else log_weights.mean(dim=0)


def elbo_standard_error(log_weights: Float[Tensor, "k *rows"]) -> Float[Tensor, "*rows"]:
    """Standard deviation of the elbo estimate over seeds, sd(log w) / sqrt(k), in nats.

    Raises:
        ValueError: k is 1; one draw says nothing about its own error.
    """
    k = _at_least_two(log_weights)
    return log_weights.std(dim=0) / math.sqrt(k)


def importance_weighted_bound(
    log_weights: Float[Tensor, "k *rows"],
) -> Float[Tensor, "*rows"]:
    """K-sample bound log(1/K sum_k w_k) in nats (Burda et al., 2016, arXiv:1509.00519).

    Never below elbo(log_weights); equal to it when K = 1.
    """
    return log_weights.logsumexp(dim=0) - math.log(log_weights.shape[0])


def importance_weighted_standard_error(
    log_weights: Float[Tensor, "k *rows"],
) -> Float[Tensor, "*rows"]:
    """Delta-method standard error of the importance-weighted bound, sd(w) / (mean(w) sqrt(K)).

    Raises:
        ValueError: k is 1; one draw says nothing about its own error.
    """
    k = _at_least_two(log_weights)
    # Weights relative to their largest: the ratio does not change and nothing overflows.
    weights = torch.exp(log_weights - log_weights.amax(dim=0))
    return weights.std(dim=0) / weights.mean(dim=0) / math.sqrt(k)


def bits_per_dim(
    log_prob: Float[Tensor, "*rows"], num_features: Int[Tensor, "*rows"]
) -> Float[Tensor, "*rows"]:
    """-log p / (D log 2): the same log-probability spread over D features, in bits.

    No constant for grey levels is added: of a probability these are bits to store a feature; of a
    density in data units they are relative to a cell of width one.
    """
    # Of nothing it is 0, and not -0.
    return 0.0 - log_prob / (num_features * math.log(2))


def _at_least_two(log_weights: Tensor) -> int:
    if log_weights.shape[0] < 2:
        raise ValueError("A standard error needs at least 2 samples; got 1.")
    return log_weights.shape[0]
