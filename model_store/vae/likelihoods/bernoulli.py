"""Bernoulli likelihood for binary features."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from model_store.vae import native
from model_store.vae.likelihoods.interface import DiscreteLikelihood, LikelihoodHead, Measure
from model_store.vae.likelihoods.marginals import over_observed
from model_store.vae.sums import total_of_one_sign
from model_store.vae.supports import IntegerSupport

_MINUS_ONE = torch.tensor(-1.0)


@dataclass(frozen=True, eq=False)
class BernoulliLikelihood(DiscreteLikelihood):
    """Independent Bernoulli features: p(x | z) = prod_i Bernoulli(x_i; sigmoid(logits_i)).

    Defined on {0, 1} only: on grey values the same formula is no likelihood, its mass is not 1.

    Args:
        logits: Log-odds that a feature is 1, shape (*batch, features).
    """

    logits: Float[Tensor, "*batch features"]

    def log_prob(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """Log-probability of each feature, in nats."""
        return self._cost(x).neg_()

    def total_log_prob(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch"]:
        """Log p(x | z) in nats and float64, its sign changed where there are fewer numbers."""
        logits = self.logits
        if x.shape == logits.shape[-x.ndim :] and native.fits(logits, x):
            return native.bernoulli_log_prob(logits, x)
        return total_of_one_sign(self._cost(x)).neg_()

    def _cost(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """Minus the log-probability of each feature."""
        # For x in {0, 1} the log is x log p + (1 - x) log(1 - p): of 1 it is -log(1 + e^-logit), of
        # 0 -log(1 + e^logit). In float32, log(sigmoid(l)) is already -inf at l = -104.
        against = torch.addcmul(self.logits, x, self.logits, value=-2)
        return F.softplus(against)

    def cdf(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """P(X <= x) of each feature, in float64."""
        none = torch.sigmoid(-self.logits.double())
        return torch.where(x < 0, 0.0, torch.where(x < 1, none, 1.0))

    @property
    def center(self) -> Float[Tensor, "*batch features"]:
        """Probability of 1."""
        return self.logits.sigmoid()

    @property
    def variance(self) -> Float[Tensor, "*batch features"]:
        """That of 0 and 1: p (1 - p)."""
        return self.logits.sigmoid() * (-self.logits).sigmoid()

    def sample(
        self, uniforms: Float[Tensor, "*#batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """1 where the uniform exceeds the probability of 0."""
        return (uniforms > (-self.logits).sigmoid()).to(self.logits.dtype)

    def parameters(self) -> dict[str, Float[Tensor, "..."]]:
        """`probs`: the probability of 1."""
        return {"probs": self.center}


class BernoulliHead(LikelihoodHead):
    """One logit per feature."""

    measure = Measure.PROBABILITY
    affine_embedding = (2.0, -1.0)
    takes_logits = True

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = self.input_width = self.output_width = num_features
        self.support = IntegerSupport((2,) * num_features)

    def embed(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, "rows inputs"]:
        """-1 and 1."""
        return torch.add(_MINUS_ONE, y, alpha=2)

    def forward(self, outputs: Float[Tensor, "*batch outputs"]) -> BernoulliLikelihood:
        """Outputs are logits."""
        return BernoulliLikelihood(outputs)

    def initial_outputs(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, " outputs"]:
        """Log-odds of the base rates, with half a count on each side."""
        return over_observed(y, lambda y: torch.logit((y.sum(dim=0) + 0.5) / (y.shape[0] + 1)))
