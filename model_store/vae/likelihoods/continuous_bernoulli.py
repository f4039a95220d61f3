"""Continuous Bernoulli likelihood for numbers from 0 to 1, such as grey values."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from model_store.vae.likelihoods.interface import Likelihood, LikelihoodHead, Measure
from model_store.vae.likelihoods.marginals import over_observed
from model_store.vae.supports import UnitIntervalSupport

LOGIT_LIMIT = 100.0
"""Where a feature is always 0 (or 1) its density there grows with the logit, without end."""

_ZERO, _ONE = torch.tensor(0.0), torch.tensor(1.0)
_TINY = 1e-100  # a logit that is as good as zero and can be divided by
_AT_LIMIT = 0.8  # within 0.2 nats of the highest density a feature can have
_SERIES_BELOW = 0.5  # closed forms cancel near 0; there the series are exact to 1e-13


@dataclass(frozen=True, eq=False)
class ContinuousBernoulliLikelihood(Likelihood):
    """Independent features on [0, 1]: p(x | z) = prod_i C(l_i) exp(l_i x_i), l the logits.

    Loaiza-Ganem & Cunningham, 2019, arXiv:1907.06845: the Bernoulli's formula on grey values with
    the constant that makes its mass 1. C(l) = l / (e^l - 1), which is 1, the uniform law, at l = 0.

    Args:
        logits: From -100 to 100, shape (*batch, features); below 0 the density falls with x.
        low: Where the interval begins once the law has been moved from [0, 1].
        width: How wide it then is.
    """

    logits: Float[Tensor, "*batch features"]
    low: Float[Tensor, "..."] = _ZERO
    width: Float[Tensor, "..."] = _ONE

    def log_prob(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """Log-density of each feature, in nats."""
        # The exponent taken from the interval's middle leaves a constant even in l.
        from_middle = (x - self.low) / self.width - 0.5
        return self.logits * from_middle - _log_sinhc(self.logits / 2) - self.width.log()

    def cdf(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """P(X <= x) of each feature, in float64."""
        x = ((x.double() - self.low) / self.width).clamp(0, 1)
        size = _nonzero(self.logits.double().abs())
        # (e^(l x) - 1) / (e^l - 1), and for l > 0 both divided by their largest term.
        falling = torch.expm1(-size * x) / torch.expm1(-size)
        return torch.where(self.logits > 0, torch.exp(-size * (1 - x)) * falling, falling)

    def interval_log_prob(
        self,
        x: Float[Tensor, "*#batch features"],  # noqa: ARG002 - the ends say it all
        low: Float[Tensor, "*#batch features"],
        high: Float[Tensor, "*#batch features"],
    ) -> Float[Tensor, "*batch features"]:
        """Log P(low < X <= high) of each feature, in nats and float64.

        Of the part inside the law's own interval; -inf where there is none.
        """
        first, width = self.low.double(), self.width.double()
        low = torch.maximum(low.double(), first)
        high = torch.minimum(high.double(), first + width)
        # From the likelier end on, where the law is e^(-s a) (1 - e^(-s d)) / (1 - e^-s).
        from_likelier = torch.where(self.logits > 0, first + width - high, low - first) / width
        share = (high - low).clamp(min=0) / width
        size = _nonzero(self.logits.double().abs())
        mass: Tensor = torch.log(torch.expm1(-size * share) / torch.expm1(-size))
        return (mass - size * from_likelier).clamp(max=0)

    @property
    def center(self) -> Float[Tensor, "*batch features"]:
        """Means."""
        return self.low + self.width * _mean(self.logits)

    @property
    def variance(self) -> Float[Tensor, "*batch features"]:
        """1 / l^2 - 1 / (4 sinh(l / 2)^2), times the width squared."""
        return self.width.square() * _variance(self.logits.double()).to(self.logits.dtype)

    def sample(
        self, uniforms: Float[Tensor, "*#batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """The quantiles of the uniforms, log(1 + u (e^l - 1)) / l."""
        logits = _nonzero(self.logits.double())
        quantile = torch.log1p(uniforms.double() * torch.expm1(logits)) / logits
        return self.low + self.width * quantile.clamp(0, 1).to(self.logits.dtype)

    def parameters(self) -> dict[str, Float[Tensor, "..."]]:
        """`logits` and `mean`."""
        return {"logits": self.logits, "mean": self.center}

    def affine(
        self, shift: Float[Tensor, " features"], scale: Float[Tensor, " features"]
    ) -> "ContinuousBernoulliLikelihood":
        """The same law on an interval moved and stretched."""
        return ContinuousBernoulliLikelihood(
            self.logits, shift + scale * self.low, scale * self.width
        )


class ContinuousBernoulliHead(LikelihoodHead):
    """One logit per feature, drawn softly into (-100, 100): logit = 100 tanh(output / 100)."""

    measure = Measure.DENSITY
    support = UnitIntervalSupport()
    affine_embedding = (2.0, -1.0)

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = self.input_width = self.output_width = num_features

    def embed(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, "rows inputs"]:
        """As -1 ... 1."""
        return 2 * y - 1

    def forward(self, outputs: Float[Tensor, "*batch outputs"]) -> ContinuousBernoulliLikelihood:
        """Outputs are logits, which far out bend towards their limit."""
        return ContinuousBernoulliLikelihood(LOGIT_LIMIT * torch.tanh(outputs / LOGIT_LIMIT))

    def initial_outputs(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, " outputs"]:
        """The logits whose laws have the features' means, by bisection, but none near the limit."""
        mean = over_observed(y, lambda y: y.double().mean(dim=0))
        high = torch.full_like(mean, 0.5 * LOGIT_LIMIT)
        low = -high
        for _ in range(50):
            middle = (low + high) / 2
            above = _mean(middle) > mean
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        return (LOGIT_LIMIT * torch.atanh(low / LOGIT_LIMIT)).to(y.dtype)

    def at_floor(self, likelihood: Likelihood) -> Bool[Tensor, " features"]:
        """True for features whose mean |logit| is the limit, up to a factor of e^0.2."""
        if not isinstance(likelihood, ContinuousBernoulliLikelihood):
            return torch.zeros(self.num_features, dtype=torch.bool)
        sizes = likelihood.logits.abs().flatten(0, -2).mean(dim=0)
        return sizes > _AT_LIMIT * LOGIT_LIMIT


def _log_sinhc(half: Tensor) -> Tensor:
    """Log of sinh(h) / h, without overflow."""
    size = half.abs().clamp(min=_SERIES_BELOW / 2)
    closed = size + torch.log(-torch.expm1(-2 * size) / (2 * size))
    square = half.square().clamp(max=_SERIES_BELOW**2)
    terms = (1 / 6, -1 / 180, 1 / 2_835, -1 / 37_800, 1 / 467_775)
    return torch.where(half.abs() < _SERIES_BELOW / 2, _series(square, terms), closed)


def _mean(logits: Tensor) -> Tensor:
    """1 / (1 - e^-l) - 1 / l: the nearer the end, the more digits are kept."""
    size = logits.abs().clamp(min=_SERIES_BELOW)
    to_end = 1 / size - 1 / torch.expm1(size)
    closed = torch.where(logits > 0, 1 - to_end, to_end)
    square = logits.square().clamp(max=_SERIES_BELOW**2)
    terms = (1 / 12, -1 / 720, 1 / 30_240, -1 / 1_209_600, 1 / 47_900_160)
    series = 0.5 + logits * _series(square, terms) / square.clamp(min=1e-30)
    return torch.where(logits.abs() < _SERIES_BELOW, series, closed)


def _variance(logits: Tensor) -> Tensor:
    """The derivative of the mean by the logit."""
    size = logits.abs().clamp(min=_SERIES_BELOW)
    closed = size.pow(-2) - torch.exp(-size) / torch.expm1(-size).square()
    square = logits.square().clamp(max=_SERIES_BELOW**2)
    terms = (-1 / 240, 1 / 6_048, -1 / 172_800, 1 / 5_322_240, -691 / 118_879_488_000)
    return torch.where(logits.abs() < _SERIES_BELOW, 1 / 12 + _series(square, terms), closed)


def _series(square: Tensor, terms: tuple[float, ...]) -> Tensor:
    """terms[0] s + terms[1] s^2 + ..., by Horner's rule."""
    total = torch.zeros_like(square)
    for term in reversed(terms):
        total = (total + term) * square
    return total


def _nonzero(values: Tensor) -> Tensor:
    return torch.where(values.abs() < _TINY, _TINY, values)
