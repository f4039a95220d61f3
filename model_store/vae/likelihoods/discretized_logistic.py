"""Discretised logistic likelihood for ordered levels, such as the grey values of pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from model_store.vae.likelihoods.interface import DiscreteLikelihood, LikelihoodHead, Measure
from model_store.vae.likelihoods.marginals import over_observed
from model_store.vae.supports import IntegerSupport

# Beyond these the law is a point or uniform to float32; inside them nothing overflows.
LOG_SCALE_RANGE = (-8.0, 8.0)


@dataclass(frozen=True, eq=False)
class DiscretizedLogisticLikelihood(DiscreteLikelihood):
    """P(x = k) is the mass of a logistic law in the cell of level k.

    Salimans et al., 2017, arXiv:1701.05517.

    Levels 0 ... L-1 sit at -1 ... 1 in steps of 2/(L-1), the unit of loc and scale. The first cell
    reaches to -infinity and the last to +infinity, so the masses sum to 1 for every parameter.

    Args:
        loc: Shape (*batch, features).
        log_scale: Natural log of the logistic scale, broadcastable to loc.
        levels: L of each feature, shape (features,).
    """

    loc: Float[Tensor, "*batch features"]
    log_scale: Float[Tensor, "*#batch features"]
    levels: Float[Tensor, " features"]

    def log_prob(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """Log-probability of each feature, in nats."""
        top = self.levels - 1
        inverse_scale = torch.exp(-self.log_scale)
        width = 2 / top * inverse_scale
        below = ((2 * x - 1) / top - 1 - self.loc) * inverse_scale  # the cell's lower edge
        # sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)): exact where the plain
        # difference has cancelled to zero. The outer cells have one edge only.
        to_upper = F.logsigmoid(below + width).masked_fill(x == top, 0.0)
        to_lower = F.logsigmoid(-below).masked_fill(x == 0, 0.0)
        both = torch.log(-torch.expm1(-width))
        inner = (x > 0) & (x < top)
        return to_upper + to_lower + torch.where(inner, both, 0.0)

    def cdf(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """P(X <= x) of each feature, in float64."""
        x, top = x.double().floor(), self.levels.double() - 1
        upper = (2 * x + 1) / top - 1  # the cell's upper edge
        inside = torch.sigmoid((upper - self.loc.double()) * torch.exp(-self.log_scale.double()))
        return torch.where(x < 0, 0.0, torch.where(x < top, inside, 1.0))

    @property
    def center(self) -> Float[Tensor, "*batch features"]:
        """The mean level, sum over k >= 1 of P(x >= k)."""
        top = self.levels - 1
        inverse_scale = torch.exp(-self.log_scale)
        mean = torch.zeros_like(self.loc)
        for k in range(1, int(self.levels.max())):
            edge = ((2 * k - 1) / top - 1 - self.loc) * inverse_scale
            mean = mean + torch.where(top >= k, torch.sigmoid(-edge), 0.0)
        return mean

    @property
    def variance(self) -> Float[Tensor, "*batch features"]:
        """Summed from the level nearest the mean, so that a small one keeps its digits.

        E (x - c)^2 is the sum of (2 |k - c| - 1) P(x >= k) over k > c and of the same sort of
        terms below; E (x - c) is the difference of the two sums of plain tails.
        """
        nearest, top = self.center.round(), self.levels - 1
        inverse_scale = torch.exp(-self.log_scale)
        square, excess = torch.zeros_like(self.loc), torch.zeros_like(self.loc)
        for k in range(1, int(self.levels.max())):
            edge = ((2 * k - 1) / top - 1 - self.loc) * inverse_scale
            sign = torch.where(nearest < k, -1.0, 1.0)
            tail = torch.where(top >= k, torch.sigmoid(sign * edge), 0.0)
            square = square + (2 * (nearest + 0.5 - k).abs()) * tail
            excess = excess - sign * tail
        return (square - excess.square()).clamp(min=0)

    def sample(
        self, uniforms: Float[Tensor, "*#batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """The level whose cell holds the logistic quantile of the uniforms."""
        top = self.levels - 1
        value = self.loc + self.log_scale.exp() * torch.logit(uniforms).to(self.loc.dtype)
        levels = torch.round((value + 1) / 2 * top).clamp(min=0)
        return torch.minimum(levels, top)

    def parameters(self) -> dict[str, Float[Tensor, "..."]]:
        """`loc` and `scale` of the logistic before rounding, in levels."""
        half = (self.levels - 1) / 2
        scale = self.log_scale.exp().expand(self.loc.shape)
        return {"loc": (self.loc + 1) * half, "scale": scale * half}


class DiscretizedLogisticHead(LikelihoodHead):
    """One location per feature and a log-scale, learned per feature or predicted from z.

    Args:
        levels: L of each feature.
        scale: `per_feature` or `predicted`.
    """

    measure = Measure.PROBABILITY

    levels: Tensor

    def __init__(self, levels: Sequence[int], scale: Literal["per_feature", "predicted"]) -> None:
        super().__init__()
        self.num_features = self.input_width = len(levels)
        self.output_width = self.num_features * (2 if scale == "predicted" else 1)
        self.scale = scale
        self.support = IntegerSupport(tuple(levels))
        # Not in the checkpoint: the schema says it already.
        self.register_buffer("levels", torch.tensor(levels, dtype=torch.float32), persistent=False)
        if scale == "per_feature":
            self.log_scale = nn.Parameter(torch.zeros(self.num_features))

    def embed(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, "rows inputs"]:
        """Levels as -1 ... 1."""
        return 2 * y / (self.levels - 1) - 1

    def forward(self, outputs: Float[Tensor, "*batch outputs"]) -> DiscretizedLogisticLikelihood:
        """Outputs are locations, then log-scales if predicted."""
        if self.scale == "predicted":
            loc, log_scale = outputs.chunk(2, dim=-1)
        else:
            loc, log_scale = outputs, self.log_scale
        return DiscretizedLogisticLikelihood(loc, log_scale.clamp(*LOG_SCALE_RANGE), self.levels)

    def initial_outputs(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, " outputs"]:
        """Each feature's mean, and its log-scale if predicted."""
        loc = over_observed(self.embed(y), lambda values: values.mean(dim=0))
        if self.scale != "predicted":
            return loc
        return torch.cat([loc, self._marginal_log_scale(y)])

    def initialize_parameters(self, y: Float[Tensor, "rows features"]) -> None:
        """Each feature's log-scale where it is no function of z."""
        if self.scale != "predicted":
            self.log_scale.copy_(self._marginal_log_scale(y).clamp(*LOG_SCALE_RANGE))

    def _marginal_log_scale(self, y: Tensor) -> Tensor:
        """From the standard deviation, pi / sqrt 3 apart."""
        deviation = over_observed(self.embed(y), lambda values: values.std(dim=0))
        step = 2 / (self.levels - 1)
        return torch.maximum(deviation * 0.55, 0.1 * step).log()
