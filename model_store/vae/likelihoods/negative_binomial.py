"""Negative binomial likelihood for counts that vary more than Poisson's, zeros inflated or not."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from model_store.vae.likelihoods.interface import DiscreteLikelihood, LikelihoodHead, Measure
from model_store.vae.likelihoods.marginals import over_observed
from model_store.vae.likelihoods.poisson import LOG_RATE_RANGE
from model_store.vae.special import betainc, log_beta_kernel
from model_store.vae.supports import IntegerSupport

# At the lower end it is Poisson's law, for counts up to 1e6; at the upper, all but always zero.
LOG_DISPERSION_RANGE = (-20.0, 10.0)
# Below, it would have hardly any gradient; above 1, most of it is for the latents to explain.
INITIAL_LOG_DISPERSION_RANGE = (-4.0, 0.0)


@dataclass(frozen=True, eq=False)
class NegativeBinomialLikelihood(DiscreteLikelihood):
    """Independent counts of mean m and variance m + a m^2, a the dispersion; Poisson as a -> 0.

    P(x = k) = Gamma(k + r) / (Gamma(r) k!) p^r (1 - p)^k with r = 1 / a and p = r / (r + m): a
    Poisson law whose rate is Gamma's. Inflated, a count is 0 with a probability of its own, and
    otherwise of this law.

    Args:
        log_mean: Natural log of m, shape (*batch, features).
        log_dispersion: Natural log of a, of each feature.
        zero_logits: Log-odds that a count is 0 whatever its law; None where there are no such.
    """

    log_mean: Float[Tensor, "*batch features"]
    log_dispersion: Float[Tensor, " features"]
    zero_logits: Float[Tensor, "*batch features"] | None = None

    def log_prob(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """Log-probability of each feature, in nats."""
        x, size, log_odds = x.double(), self._size(), self._log_odds()
        none = size * F.logsigmoid(log_odds)
        some = x.clamp(min=1)
        several = (
            log_beta_kernel(size, some, log_odds.sigmoid(), (-log_odds).sigmoid()) - some.log()
        )
        log_prob = torch.where(x == 0, none, several)
        if self.zero_logits is None:
            return log_prob
        log_inflated = F.logsigmoid(self.zero_logits.double())
        log_prob = log_prob + F.logsigmoid(-self.zero_logits.double())
        return torch.where(x == 0, torch.logaddexp(log_inflated, log_prob), log_prob)

    def cdf(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """P(X <= x) of each feature, in float64."""
        inflated = self._inflated()
        below = inflated + (1 - inflated) * self._law_cdf(x.double().floor().clamp(0, 1e15))
        return below.masked_fill(x < 0, 0.0)

    @property
    def center(self) -> Float[Tensor, "*batch features"]:
        """Expected counts."""
        if self.zero_logits is None:
            return self.log_mean.exp()
        return torch.sigmoid(-self.zero_logits) * self.log_mean.exp()

    @property
    def variance(self) -> Float[Tensor, "*batch features"]:
        """The law's m + a m^2; where inflated, that within the law and that between it and zero."""
        mean = self.log_mean.exp()
        variance = mean + self.log_dispersion.exp() * mean.square()
        if self.zero_logits is None:
            return variance
        zero, law = self.zero_logits.sigmoid(), torch.sigmoid(-self.zero_logits)
        return law * (variance + zero * mean.square())

    def sample(
        self, uniforms: Float[Tensor, "*#batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """The smallest k with P(X <= k) >= the uniform: doubled until enough, then by bisection."""
        inflated = self._inflated()
        shape = torch.broadcast_shapes(uniforms.shape, self.log_mean.shape)
        uniforms = ((uniforms.double() - inflated) / (1 - inflated)).expand(shape)
        low, high = torch.full_like(uniforms, -1.0), torch.zeros_like(uniforms)
        while bool((short := self._law_cdf(high) < uniforms).any()):
            low, high = torch.where(short, high, low), torch.where(short, 2 * high + 1, high)
        while bool(((high - low) > 1).any()):
            middle = ((low + high) / 2).floor().clamp(min=0)
            enough = self._law_cdf(middle) >= uniforms
            low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
        return high.to(self.log_mean.dtype)

    def parameters(self) -> dict[str, Float[Tensor, "..."]]:
        """`mean` and `dispersion` of the law, and if inflated `zero_probs`."""
        dispersion = self.log_dispersion.exp().expand(self.log_mean.shape)
        parameters = {"mean": self.log_mean.exp(), "dispersion": dispersion}
        if self.zero_logits is None:
            return parameters
        return {**parameters, "zero_probs": self.zero_logits.sigmoid()}

    def _law_cdf(self, count: Tensor) -> Tensor:
        """P(X <= count) but for inflated zeros, count an integer from 0 on."""
        log_odds = self._log_odds()
        return betainc(self._size(), count + 1, log_odds.sigmoid(), (-log_odds).sigmoid())

    def _size(self) -> Tensor:
        return torch.exp(-self.log_dispersion.double())

    def _log_odds(self) -> Tensor:
        """Of p."""
        return -self.log_dispersion.double() - self.log_mean.double()

    def _inflated(self) -> Tensor:
        """The probability of a zero that is not the law's."""
        if self.zero_logits is None:
            return torch.zeros((), dtype=torch.float64, device=self.log_mean.device)
        return self.zero_logits.double().sigmoid()


class NegativeBinomialHead(LikelihoodHead):
    """One log-mean per feature and a learned log-dispersion; if inflated, one zero logit too.

    Args:
        num_features: Features.
        zero_inflation: Whether the decoder says how likely a zero of its own kind is.
    """

    measure = Measure.PROBABILITY
    support = IntegerSupport()

    def __init__(self, num_features: int, *, zero_inflation: bool) -> None:
        super().__init__()
        self.num_features = self.input_width = num_features
        self.zero_inflation = zero_inflation
        self.output_width = num_features * (2 if zero_inflation else 1)
        self.log_dispersion = nn.Parameter(torch.zeros(num_features))

    def embed(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, "rows inputs"]:
        """log(1 + count): counts of every size at one order of magnitude."""
        return torch.log1p(y)

    def forward(self, outputs: Float[Tensor, "*batch outputs"]) -> NegativeBinomialLikelihood:
        """Outputs are log-means, then zero logits if inflated."""
        dispersion = self.log_dispersion.clamp(*LOG_DISPERSION_RANGE)
        if not self.zero_inflation:
            return NegativeBinomialLikelihood(outputs.clamp(*LOG_RATE_RANGE), dispersion)
        log_mean, zero_logits = outputs.chunk(2, dim=-1)
        return NegativeBinomialLikelihood(log_mean.clamp(*LOG_RATE_RANGE), dispersion, zero_logits)

    def initial_outputs(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, " outputs"]:
        """Log of the mean count; inflated, for the zeros beyond those of dispersion 1."""
        log_mean = over_observed(y, lambda y: torch.log((y.sum(dim=0) + 0.5) / y.shape[0]))
        if not self.zero_inflation:
            return log_mean
        zeros = over_observed(y, lambda y: (y == 0).to(y.dtype).mean(dim=0))
        expected = torch.sigmoid(-log_mean)
        excess = (zeros - expected) / (1 - expected)
        inflated = excess.clamp(0.01, 0.9)
        return torch.cat([log_mean - torch.log1p(-inflated), torch.logit(inflated)])

    def initialize_parameters(self, y: Float[Tensor, "rows features"]) -> None:
        """Dispersions by the method of moments; inflated, 1, which `initial_outputs` counts on."""
        if not self.zero_inflation:
            self.log_dispersion.copy_(over_observed(y.double(), _log_dispersion))


def _log_dispersion(y: Tensor) -> Tensor:
    """Of (variance - mean) / mean^2, kept to where it still has a gradient."""
    mean = y.mean(dim=0)
    excess = (y.var(dim=0) - mean).clamp(min=1e-9) / mean.square().clamp(min=1e-9)
    return excess.log().clamp(*INITIAL_LOG_DISPERSION_RANGE)
