"""Poisson likelihood for counts."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.vae.likelihoods.interface import DiscreteLikelihood, LikelihoodHead, Measure
from model_store.vae.likelihoods.marginals import over_observed
from model_store.vae.supports import IntegerSupport

LOG_RATE_RANGE = (-20.0, 20.0)


@dataclass(frozen=True, eq=False)
class PoissonLikelihood(DiscreteLikelihood):
    """Independent counts: P(x = k) = rate^k exp(-rate) / k!.

    Args:
        log_rate: Natural log of the expected count, shape (*batch, features).
    """

    log_rate: Float[Tensor, "*batch features"]

    def log_prob(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """Log-probability of each feature, in nats."""
        # In float64: for large counts the three terms cancel to a few nats.
        x, log_rate = x.double(), self.log_rate.double()
        return x * log_rate - log_rate.exp() - torch.lgamma(x + 1)

    def cdf(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """P(X <= x) of each feature, in float64."""
        count: Tensor
        count, rate = torch.broadcast_tensors(x.double().floor(), self.log_rate.double().exp())
        inside: Tensor = torch.special.gammaincc(count.clamp(min=0) + 1, rate)
        return inside.masked_fill(count < 0, 0.0)

    @property
    def center(self) -> Float[Tensor, "*batch features"]:
        """Expected counts."""
        return self.log_rate.exp()

    @property
    def variance(self) -> Float[Tensor, "*batch features"]:
        """The rates."""
        return self.log_rate.exp()

    def sample(
        self, uniforms: Float[Tensor, "*#batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """The smallest k with P(X <= k) >= the uniform, by bisection."""
        rate: Tensor
        rate, uniforms = torch.broadcast_tensors(self.log_rate.double().exp(), uniforms)
        low = torch.full_like(rate, -1.0)
        # Forty standard deviations and a hundred counts above the mean: past any float64 uniform.
        high = (rate + 40 * rate.sqrt() + 100).ceil()
        while bool(((high - low) > 1).any()):
            middle = ((low + high) / 2).floor()
            enough = torch.special.gammaincc(middle + 1, rate) >= uniforms
            high = torch.where(enough, middle, high)
            low = torch.where(enough, low, middle)
        return high.to(self.log_rate.dtype)

    def parameters(self) -> dict[str, Float[Tensor, "..."]]:
        """`rate`: the expected count."""
        return {"rate": self.center}


class PoissonHead(LikelihoodHead):
    """One log-rate per feature."""

    measure = Measure.PROBABILITY
    support = IntegerSupport()

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = self.input_width = self.output_width = num_features

    def embed(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, "rows inputs"]:
        """log(1 + count): counts of every size at one order of magnitude."""
        return torch.log1p(y)

    def forward(self, outputs: Float[Tensor, "*batch outputs"]) -> PoissonLikelihood:
        """Outputs are log-rates."""
        return PoissonLikelihood(outputs.clamp(*LOG_RATE_RANGE))

    def initial_outputs(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, " outputs"]:
        """Log of the mean count, with half a count added."""
        return over_observed(y, lambda y: torch.log((y.sum(dim=0) + 0.5) / y.shape[0]))
