"""How far the importance weights of a row can be trusted."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

# Above it, Vehtari et al. (2024) show, the errors cannot be trusted at any practical number of
# draws. They also advise min(1 - 1 / log10 K, 0.7), 0.58 at K = 256; where k is 0.2 and nothing is
# wrong, that raises the alarm for one row in forty, and 0.7 for one in four hundred.
RELIABLE_K = 0.7

# Log weights no further apart than this, in nats, are equal: forty times what float32 makes of
# equal ones, and as much as an answer may be wrong by.
EQUAL_WITHIN = 1e-3

# Laws are evaluated in float32, which rounds a log weight of this size by a tenth of a nat. Beyond
# it weights differ, or do not, by rounding alone.
LARGEST_LOG_WEIGHT = 0.1 * 2**24

_LEAST_TAIL = 5
# The prior of Zhang & Stephens on the scale; that of Vehtari et al. on k: ten more draws at 0.5.
_PRIOR_SCALE, _PRIOR_DRAWS, _PRIOR_K = 3, 10, 0.5
# The fit's largest intermediate, in float64 elements (8 MiB).
_CHUNK_ELEMENTS = 2**20


def effective_sample_size(log_weights: Float[Tensor, "k *rows"]) -> Float[Tensor, "*rows"]:
    """Kish's (sum w)^2 / sum w^2, between 1 and k; k when all weights are equal."""
    # Weights relative to their largest: beside a log weight of 1e16, log k is rounded away.
    weights = torch.exp(log_weights - log_weights.amax(dim=0))
    return weights.sum(dim=0).square() / weights.square().sum(dim=0)


def reliable(pareto_k: Float[Tensor, "*rows"]) -> Bool[Tensor, "*rows"]:
    """Whether an estimate and its error can be trusted: k <= 0.7, also -inf; not where undefined.

    It says what the draws show. An index fitted to 256 of them is off by 0.2, and a part of the
    posterior that no draw has reached leaves no trace in it.
    """
    return pareto_k <= RELIABLE_K


def pareto_k(log_weights: Float[Tensor, "k *rows"]) -> Float[Tensor, "*rows"]:
    """Tail index of the weights: their moments of order 1 / k and above do not exist.

    The shape of the generalized Pareto distribution fitted to the largest weights (Vehtari et al.,
    2024, arXiv:1507.02646). Below 0 the weights are bounded; from 0.5 on their variance is
    infinite, from 1 on their mean.

    -inf where the largest weights are equal: the limit of bounded ones, as when q is the exact
    posterior. NaN where fewer than five draws make up the tail, that is with 20 draws or fewer, and
    where log weights are so large that float32 tells no two of them apart.
    """
    table = log_weights.reshape(log_weights.shape[0], -1)
    count = tail_length(table.shape[0])
    defined = count >= _LEAST_TAIL
    largest = table.topk(count + 1 if defined else table.shape[0], dim=0).values
    fitted = _tail_index(largest) if defined else torch.full_like(largest[0], math.nan)
    equal = largest[0] - largest[-1] <= (EQUAL_WITHIN if table.shape[0] > 1 else -math.inf)
    fitted = fitted.masked_fill(equal, -math.inf)
    fitted = fitted.masked_fill(largest[0].abs() > LARGEST_LOG_WEIGHT, math.nan)
    return fitted.reshape(log_weights.shape[1:])


def tail_length(num_samples: int) -> int:
    """How many of the largest weights are the tail: min(K / 5, 3 sqrt K), rounded up."""
    return math.ceil(min(num_samples / 5, 3 * math.sqrt(num_samples)))


def _tail_index(largest: Float[Tensor, "n_plus_1 rows"]) -> Float[Tensor, " rows"]:
    """The index of each row whose largest log weights these are, in descending order."""
    # On the CPU, for not every device has float64. Relative to the largest, nothing overflows.
    weights = torch.exp(largest.cpu().double() - largest[0].cpu().double())
    exceedances = (weights[:-1] - weights[-1]).flip(0).T.contiguous()
    count = exceedances.shape[1]
    chunk = max(1, _CHUNK_ELEMENTS // (count * _grid_size(count)))
    return torch.cat([_pareto_shape(part) for part in exceedances.split(chunk)]).to(largest)


def _pareto_shape(x: Float[Tensor, "rows n"]) -> Float[Tensor, " rows"]:
    """Shape k of a generalized Pareto distribution (Zhang & Stephens, 2009, Technometrics 51).

    The posterior mean of theta = -k / scale over a grid of values, and the k that is likeliest with
    it, drawn a little towards 0.5.

    Args:
        x: Exceedances of a threshold, ascending.
    """
    n = x.shape[1]
    theta = _grid_of(x)
    shapes = torch.log1p(-theta[:, :, None] * x[:, None, :]).mean(dim=-1)
    log_likelihood = n * (torch.log(-theta / shapes) - shapes - 1)
    mean_theta = (theta * log_likelihood.softmax(dim=-1)).sum(dim=-1, keepdim=True)
    shape = torch.log1p(-mean_theta * x).mean(dim=-1)
    return (n * shape + _PRIOR_DRAWS * _PRIOR_K) / (n + _PRIOR_DRAWS)


def _grid_of(x: Float[Tensor, "rows n"]) -> Float[Tensor, "rows grid"]:
    n = x.shape[1]
    size = _grid_size(n)
    places = torch.arange(1, size + 1, dtype=x.dtype, device=x.device) - 0.5
    # It underflows where a few weights outweigh all others beyond what float64 can say.
    quartile = x[:, int(n / 4 + 0.5) - 1, None].clamp(min=1e-300)
    return 1 / x[:, -1:] + (1 - (size / places).sqrt()) / (_PRIOR_SCALE * quartile)


def _grid_size(n: int) -> int:
    return 30 + math.isqrt(n)
