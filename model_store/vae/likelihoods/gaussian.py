"""Gaussian likelihood for real features, its scale fixed, shared, per feature or predicted."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from model_store.vae.likelihoods.interface import Likelihood, LikelihoodHead, Measure
from model_store.vae.supports import RealSupport

ScaleKind = Literal["fixed", "shared", "per_feature", "predicted"]

_AT_FLOOR_NATS = 0.2  # a log-scale this close to the floor is held up by the floor


@dataclass(frozen=True, eq=False)
class GaussianLikelihood(Likelihood):
    """Independent Gaussian features: p(x | z) = prod_i N(x_i; loc_i, scale_i^2).

    log p is -SSE / (2 scale^2) plus constants, so a squared error is this log-density with the
    scale fixed and the constants dropped. Here nothing is dropped.

    Args:
        loc: Means, shape (*batch, features).
        log_scale: Natural log of the standard deviations, broadcastable to loc.
    """

    loc: Float[Tensor, "*batch features"]
    log_scale: Float[Tensor, "*#batch features"]

    def log_prob(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """Log-density of each feature, in nats."""
        standardized: Tensor = (x - self.loc) * torch.exp(-self.log_scale)
        log_prob = -0.5 * standardized.square() - self.log_scale
        normalized: Tensor = log_prob - 0.5 * math.log(2 * math.pi)
        return normalized

    @property
    def scale(self) -> Float[Tensor, "*#batch features"]:
        """Standard deviations."""
        return self.log_scale.exp()

    @property
    def center(self) -> Float[Tensor, "*batch features"]:
        """Means."""
        return self.loc

    def weighted_center(self, weights: Float[Tensor, "k rows"]) -> Float[Tensor, "rows features"]:
        """Center of the mixture over the first axis."""
        return (weights.unsqueeze(-1) * self.loc).sum(dim=0)

    def sample(
        self, uniforms: Float[Tensor, "*#batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """The quantiles of the uniforms."""
        standardized: Tensor = torch.special.ndtri(uniforms).to(self.loc.dtype)
        return self.loc + self.scale * standardized

    def parameters(self) -> dict[str, Float[Tensor, "..."]]:
        """`loc` and `scale`."""
        return {"loc": self.loc, "scale": self.scale.expand(self.loc.shape)}

    def affine(
        self, shift: Float[Tensor, " features"], scale: Float[Tensor, " features"]
    ) -> "GaussianLikelihood":
        """N(shift + scale loc, (scale * this scale)^2)."""
        return GaussianLikelihood(shift + scale * self.loc, self.log_scale + scale.log())


class GaussianHead(LikelihoodHead):
    """One mean per feature, and where `scale` is "predicted" one log-scale too.

    A free scale has a soft floor, log_scale = floor + softplus(raw - floor): without one, a
    feature the decoder can reproduce exactly has an unbounded likelihood.

    Args:
        num_features: Features.
        scale: `fixed` (a constant of the checkpoint), `shared` (one learned number), `per_feature`
            (one learned number each) or `predicted` (a function of z).
        floor: Smallest standard deviation, in model units; unused when fixed.
    """

    measure = Measure.DENSITY
    support = RealSupport()

    raw_log_scale: Tensor

    def __init__(self, num_features: int, scale: ScaleKind, floor: float) -> None:
        super().__init__()
        self.num_features = self.input_width = num_features
        self.output_width = num_features * (2 if scale == "predicted" else 1)
        self.scale = scale
        self.log_floor = math.log(floor)
        if scale == "fixed":
            self.register_buffer("raw_log_scale", torch.zeros(num_features))
        elif scale != "predicted":
            width = 1 if scale == "shared" else num_features
            self.raw_log_scale = nn.Parameter(torch.zeros(width))

    def embed(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, "rows inputs"]:
        """Model units are already of order one."""
        return y

    def forward(self, outputs: Float[Tensor, "*batch outputs"]) -> GaussianLikelihood:
        """Outputs are means, then raw log-scales if predicted."""
        if self.scale == "fixed":
            return GaussianLikelihood(outputs, self.raw_log_scale)
        if self.scale == "predicted":
            loc, raw = outputs.chunk(2, dim=-1)
            return GaussianLikelihood(loc, self._above_floor(raw))
        log_scale = self._above_floor(self.raw_log_scale).expand(self.num_features)
        return GaussianLikelihood(outputs, log_scale)

    def initial_outputs(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, " outputs"]:
        """Each feature's mean, and its log standard deviation if predicted."""
        loc = y.mean(dim=0)
        if self.scale != "predicted":
            return loc
        return torch.cat([loc, self.raw_of(y.std(dim=0))])

    def at_floor(self, likelihood: Likelihood) -> Bool[Tensor, " features"]:
        """True for features whose mean log-scale is the floor's, up to 0.2 nats."""
        if self.scale == "fixed" or not isinstance(likelihood, GaussianLikelihood):
            return torch.zeros(self.num_features, dtype=torch.bool)
        log_scale = likelihood.log_scale.expand(likelihood.loc.shape).flatten(0, -2)
        return log_scale.mean(dim=0) < self.log_floor + _AT_FLOOR_NATS

    def raw_of(self, scale: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """The raw log-scale whose standard deviation is `scale`, or just above the floor."""
        above = (scale.log() - self.log_floor).clamp(min=1e-3)
        return self.log_floor + torch.log(torch.expm1(above))

    def _above_floor(self, raw: Tensor) -> Tensor:
        return self.log_floor + F.softplus(raw - self.log_floor)
