"""What the laws of a real feature share: a location, and a scale with a soft floor."""

import dataclasses
import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from model_store.vae.likelihoods.interface import Likelihood, LikelihoodHead, Measure
from model_store.vae.likelihoods.intervals import StandardInterval
from model_store.vae.likelihoods.marginals import over_observed
from model_store.vae.supports import RealSupport

ScaleKind = Literal["fixed", "shared", "per_feature", "predicted"]

_AT_FLOOR_NATS = 0.2  # a log-scale this close to the floor is held up by the floor


@dataclass(frozen=True, eq=False)
class LocationScaleLikelihood(Likelihood):
    """Independent features x_i = loc_i + scale_i t_i, where t_i follows a standard law.

    A subclass is a standard law: its log-density, its distribution function and its quantiles.

    Args:
        loc: Shape (*batch, features).
        log_scale: Natural log of the scales, broadcastable to loc.
    """

    loc: Float[Tensor, "*batch features"]
    log_scale: Float[Tensor, "*#batch features"]

    @abstractmethod
    def standard_log_prob(
        self, t: Float[Tensor, "*batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """Log-density of the standard law, in nats."""

    @abstractmethod
    def standard_cdf(self, t: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch features"]:
        """P(T <= t) under the standard law, in float64."""

    @abstractmethod
    def standard_quantile(
        self, uniforms: Float[Tensor, "*batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """The inverse of `standard_cdf`."""

    @abstractmethod
    def standard_interval_log_prob(
        self, interval: StandardInterval
    ) -> Float[Tensor, "*batch features"]:
        """Log P(low < T <= high) under the standard law, in nats and float64."""

    @property
    @abstractmethod
    def standard_variance(self) -> Float[Tensor, "..."]:
        """Of the standard law; infinite where it has none."""

    def log_prob(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """Log-density of each feature, in nats."""
        standardized: Tensor = (x - self.loc) * torch.exp(-self.log_scale)
        return self.standard_log_prob(standardized) - self.log_scale

    def cdf(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """P(X <= x) of each feature, in float64."""
        distance = x.double() - self.loc.double()
        return self.standard_cdf(distance * torch.exp(-self.log_scale.double()))

    def interval_log_prob(
        self,
        x: Float[Tensor, "*#batch features"],  # noqa: ARG002 - the ends say it all
        low: Float[Tensor, "*#batch features"],
        high: Float[Tensor, "*#batch features"],
    ) -> Float[Tensor, "*batch features"]:
        """Log P(low < X <= high) of each feature, in nats and float64; -inf if low >= high."""
        interval = StandardInterval.of(low, high, self.loc, self.log_scale)
        return self.standard_interval_log_prob(interval).clamp(max=0)

    @property
    def scale(self) -> Float[Tensor, "*#batch features"]:
        """Scales in the unit of loc."""
        return self.log_scale.exp()

    @property
    def center(self) -> Float[Tensor, "*batch features"]:
        """Means."""
        return self.loc

    @property
    def variance(self) -> Float[Tensor, "*batch features"]:
        """That of the standard law times the square of the scale."""
        return (self.standard_variance * self.scale.square()).expand(self.loc.shape)

    def sample(
        self, uniforms: Float[Tensor, "*#batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """The quantiles of the uniforms."""
        standardized: Tensor = self.standard_quantile(uniforms).to(self.loc.dtype)
        return self.loc + self.scale * standardized

    def parameters(self) -> dict[str, Float[Tensor, "..."]]:
        """`loc` and `scale`."""
        return {"loc": self.loc, "scale": self.scale.expand(self.loc.shape)}

    def affine(
        self, shift: Float[Tensor, " features"], scale: Float[Tensor, " features"]
    ) -> "LocationScaleLikelihood":
        """The same standard law at shift + scale loc, times scale this scale."""
        loc, log_scale = shift + scale * self.loc, self.log_scale + scale.log()
        return dataclasses.replace(self, loc=loc, log_scale=log_scale)


class LocationScaleHead(LikelihoodHead):
    """One location per feature, and where `scale` is "predicted" one log-scale too.

    A free scale has a soft floor, log_scale = floor + softplus(raw - floor): without one, a
    feature the decoder can reproduce exactly has an unbounded likelihood.

    Args:
        num_features: Features.
        scale: `fixed` (a constant of the checkpoint), `shared` (one learned number), `per_feature`
            (one learned number each) or `predicted` (a function of z).
        floor: Smallest scale, in model units; unused when fixed.
    """

    measure = Measure.DENSITY
    support = RealSupport()

    raw_log_scale: Tensor
    frozen_log_scale: Tensor | None

    def __init__(self, num_features: int, scale: ScaleKind, floor: float) -> None:
        super().__init__()
        self.num_features = self.input_width = num_features
        self.output_width = num_features * (2 if scale == "predicted" else 1)
        self.scale = scale
        self.log_floor = math.log(floor)
        # A buffer, to go where the weights go, but none of the checkpoint's.
        self.register_buffer("frozen_log_scale", None, persistent=False)
        if scale == "fixed":
            self.register_buffer("raw_log_scale", torch.zeros(num_features))
        elif scale != "predicted":
            width = 1 if scale == "shared" else num_features
            self.raw_log_scale = nn.Parameter(torch.zeros(width))

    @abstractmethod
    def law(
        self,
        loc: Float[Tensor, "*batch features"],
        log_scale: Float[Tensor, "*#batch features"],
    ) -> LocationScaleLikelihood:
        """The likelihood with these parameters."""

    @abstractmethod
    def marginal(
        self, y: Float[Tensor, "rows features"]
    ) -> tuple[Float[Tensor, " features"], Float[Tensor, " features"]]:
        """The location and the scale that fit each feature by itself."""

    def embed(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, "rows inputs"]:
        """Model units are already of order one."""
        return y

    def forward(self, outputs: Float[Tensor, "*batch outputs"]) -> LocationScaleLikelihood:
        """Outputs are locations, then raw log-scales if predicted."""
        if self.scale == "fixed":
            return self.law(outputs, self.raw_log_scale)
        if self.scale == "predicted":
            loc, raw = outputs.chunk(2, dim=-1)
            return self.law(loc, self._above_floor(raw))
        frozen = self.frozen_log_scale
        return self.law(outputs, self._log_scale() if frozen is None else frozen)

    def freeze(self) -> None:
        """The learned scales as constants, whose gradients nobody can want."""
        if self.scale in ("shared", "per_feature"):
            self.frozen_log_scale = self._log_scale().detach()

    def train(self, mode: bool = True) -> "LocationScaleHead":
        """As every module's; the scales may change again."""
        self.frozen_log_scale = None
        return super().train(mode)

    def initial_outputs(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, " outputs"]:
        """Each feature's location, and its log-scale if predicted."""
        loc, scale = self._observed_marginal(y)
        if self.scale != "predicted":
            return loc
        return torch.cat([loc, self.raw_of(scale)])

    def initialize_parameters(self, y: Float[Tensor, "rows features"]) -> None:
        """A learned scale at each feature's own, or at the root of their mean square if shared.

        Not on the floor, where it would have hardly any gradient.
        """
        if self.scale in ("fixed", "predicted"):
            return
        _, scale = self._observed_marginal(y)
        if self.scale == "shared":
            scale = scale.square().mean(dim=0, keepdim=True).sqrt()
        self.raw_log_scale.copy_(self.raw_of(scale.clamp(min=math.exp(self.log_floor + 1))))

    def at_floor(self, likelihood: Likelihood) -> Bool[Tensor, " features"]:
        """True for features whose mean log-scale is the floor's, up to 0.2 nats."""
        if self.scale == "fixed" or not isinstance(likelihood, LocationScaleLikelihood):
            return torch.zeros(self.num_features, dtype=torch.bool)
        log_scale = likelihood.log_scale.expand(likelihood.loc.shape).flatten(0, -2)
        return log_scale.mean(dim=0) < self.log_floor + _AT_FLOOR_NATS

    def raw_of(self, scale: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """The raw log-scale whose scale is `scale`, or just above the floor."""
        above = (scale.log() - self.log_floor).clamp(min=1e-3)
        return self.log_floor + torch.log(torch.expm1(above))

    def _observed_marginal(self, y: Tensor) -> tuple[Tensor, Tensor]:
        loc, scale = over_observed(y, lambda y: torch.stack(self.marginal(y))).unbind()
        return loc, scale

    def _log_scale(self) -> Float[Tensor, " features"]:
        """The same for every z."""
        return self._above_floor(self.raw_log_scale).expand(self.num_features)

    def _above_floor(self, raw: Tensor) -> Tensor:
        return self.log_floor + F.softplus(raw - self.log_floor)
