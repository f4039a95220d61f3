"""The mass of an interval under a symmetric law, exact where its two tails all but cancel."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

_FARTHEST = 1e150  # in scales: its square is still a number, and nothing is beyond

# Gauss and Legendre's rule of eight nodes on [-1, 1]: the positive half of nodes and weights.
_NODES = (0.1834346424956498, 0.525532409916329, 0.7966664774136267, 0.9602898564975363)
_WEIGHTS = (0.362683783378362, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763)


@dataclass(frozen=True, eq=False)
class StandardInterval:
    """An interval in scales from the location, reflected so that its middle is not above 0.

    Args:
        low: Lower end; the larger of the two in size.
        high: Upper end.
        half: Half the width, 0 where the interval is empty. It is kept because the ends no longer
            tell it once they lie far out and close together.
    """

    low: Float[Tensor, "*batch features"]
    high: Float[Tensor, "*batch features"]
    half: Float[Tensor, "*#batch features"]

    @classmethod
    def of(
        cls,
        low: Float[Tensor, "*#batch features"],
        high: Float[Tensor, "*#batch features"],
        loc: Float[Tensor, "*#batch features"],
        log_scale: Float[Tensor, "*#batch features"],
    ) -> "StandardInterval":
        """From ends in the unit of loc, which may be infinite; all in float64."""
        low, high, loc = low.double(), high.double(), loc.double()
        inverse_scale = torch.exp(-log_scale.double())
        half = torch.where(low < high, 0.5 * (high - low), 0.0) * inverse_scale
        low = ((low - loc) * inverse_scale).clamp(-_FARTHEST, _FARTHEST)
        high = ((high - loc) * inverse_scale).clamp(-_FARTHEST, _FARTHEST)
        above = low + high > 0
        return cls(torch.where(above, -high, low), torch.where(above, -low, high), half)

    @property
    def middle(self) -> Float[Tensor, "*batch features"]:
        """Between the ends, at most 0."""
        return 0.5 * (self.low + self.high)


def narrow_log_mass(
    log_density: Callable[[Tensor], Tensor],
    interval: StandardInterval,
    widest: Float[Tensor, "*batch features"],
) -> Float[Tensor, "*batch features"]:
    """Log of the density's integral by Gauss's rule, for intervals whose half is at most `widest`.

    Of fact 9, 2 e p(x) [1 + ...], it sums all terms that float64 can tell as long as the density
    changes by a factor of e at most. A wider interval is cut, and its answer of no use.
    """
    half, middle = torch.minimum(interval.half, widest), interval.middle
    at_middle = log_density(middle)
    total = torch.zeros_like(at_middle)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        for t in (middle - node * half, middle + node * half):
            total = total + weight * torch.exp(log_density(t) - at_middle)
    return at_middle + torch.log(half * total)


def wide_log_mass(
    log_tail: Callable[[Tensor], Tensor], interval: StandardInterval
) -> Float[Tensor, "*batch features"]:
    """Log of the difference of two tails, for intervals wide enough that it does not cancel.

    Args:
        log_tail: log P(T < t) for t <= 0.
        interval: The ends.
    """
    lower, upper = log_tail(interval.low), log_tail(-interval.high.abs())
    beside = upper + torch.log(-torch.expm1(lower - upper))
    across = torch.log1p(-lower.exp() - upper.exp())
    return torch.where(interval.high > 0, across, beside)
