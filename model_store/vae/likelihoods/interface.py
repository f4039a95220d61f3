"""What every likelihood p(x | z) offers, and what the head that makes it from a decoder offers."""

from abc import ABC, abstractmethod
from enum import StrEnum

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from model_store.vae.sums import total
from model_store.vae.supports import Support


class Measure(StrEnum):
    """What the exponential of a log_prob is."""

    DENSITY = "density"
    PROBABILITY = "probability"
    MIXED = "mixed"


class Likelihood(ABC):
    """p(x | z) over features, a frozen value: parameters in, statistics out."""

    @abstractmethod
    def log_prob(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """Log-density or log-probability of each feature in nats; their sum is log p(x | z).

        `x` must lie in the support, which the model checks once for all samples.
        """

    def total_log_prob(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch"]:
        """Log p(x | z) in nats and float64: the sum over the features.

        A law that can sum sooner than it can say each feature's part does.
        """
        return total(self.log_prob(x))

    @abstractmethod
    def cdf(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """P(X <= x) of each feature in float64, at any number x: 0 below the support, 1 above."""

    @abstractmethod
    def interval_log_prob(
        self,
        x: Float[Tensor, "*#batch features"],
        low: Float[Tensor, "*#batch features"],
        high: Float[Tensor, "*#batch features"],
    ) -> Float[Tensor, "*batch features"]:
        """Log P(low < X <= high) of each continuous feature, and log P(X = x) of each discrete one.

        In nats and float64, never above 0. A continuous law looks at the ends alone, which may be
        infinite; a discrete law at x alone, for its value already has a probability.
        """

    @property
    @abstractmethod
    def center(self) -> Float[Tensor, "*batch features"]:
        """The mean of each feature, or for unordered categories the most probable one."""

    @property
    @abstractmethod
    def variance(self) -> Float[Tensor, "*batch features"]:
        """Variances, infinite where the law has none; NaN for unordered categories."""

    @property
    def expectation(self) -> Float[Tensor, "*batch width"]:
        """What to average over a mixture of such laws, to find its center: the means."""
        return self.center

    def center_of(
        self, expectation: Float[Tensor, "*batch width"]
    ) -> Float[Tensor, "*batch features"]:
        """The center of the mixture whose expectation this is."""
        return expectation

    @abstractmethod
    def sample(
        self, uniforms: Float[Tensor, "*#batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """Draws by the inverse distribution function, from uniform noise in (0, 1)."""

    @abstractmethod
    def parameters(self) -> dict[str, Float[Tensor, "..."]]:
        """The parameters by their usual names, features on the axis after the batch."""

    @abstractmethod
    def affine(
        self, shift: Float[Tensor, " features"], scale: Float[Tensor, " features"]
    ) -> "Likelihood":
        """The law of shift + scale * X; a discrete law stays as it is."""


class DiscreteLikelihood(Likelihood):
    """What all laws over codes, levels and counts share: they have no units to change."""

    def interval_log_prob(
        self,
        x: Float[Tensor, "*#batch features"],
        low: Float[Tensor, "*#batch features"],  # noqa: ARG002 - a value needs no interval
        high: Float[Tensor, "*#batch features"],  # noqa: ARG002 - a value needs no interval
    ) -> Float[Tensor, "*batch features"]:
        """Log P(X = x) of each feature, in nats and float64."""
        return self.log_prob(x).double().clamp(max=0)

    def affine(
        self,
        shift: Float[Tensor, " features"],  # noqa: ARG002 - always zeros here
        scale: Float[Tensor, " features"],  # noqa: ARG002 - always ones here
    ) -> Likelihood:
        """Itself."""
        return self


class LikelihoodHead(nn.Module, ABC):
    """A module between the decoder's last layer and a likelihood; knows one family of laws.

    Attributes:
        num_features: Features it speaks of.
        input_width: Width of `embed`'s result.
        output_width: Decoder outputs it takes.
        measure: Density or probability.
        support: The values it accepts.
        affine_embedding: Scale and shift, if these are all that `embed` does to a value.
        takes_logits: Whether decoder outputs are the logits of independent zeros and ones.
    """

    num_features: int
    input_width: int
    output_width: int
    measure: Measure
    support: Support
    affine_embedding: tuple[float, float] | None = None
    takes_logits: bool = False

    @abstractmethod
    def embed(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, "rows inputs"]:
        """What the encoder sees of a row in model units: codes become one-hot, levels [-1, 1]."""

    def widen(self, observed: Bool[Tensor, "rows features"]) -> Bool[Tensor, "rows inputs"]:
        """For each of `embed`'s inputs, whether the feature that it speaks of is observed."""
        return observed

    @abstractmethod
    def forward(self, outputs: Float[Tensor, "*batch outputs"]) -> Likelihood:
        """The likelihood these decoder outputs stand for, in model units."""

    def freeze(self) -> None:
        """Compute now what depends on the weights alone, if anything: they will not change."""

    @abstractmethod
    def initial_outputs(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, " outputs"]:
        """Outputs that fit each feature's marginal, where the decoder's last bias starts.

        NaN in y is a missing cell, here and in `initialize_parameters`.
        """

    def initialize_parameters(self, y: Float[Tensor, "rows features"]) -> None:
        """Starts what is learned but no function of z at each feature's marginal."""

    def at_floor(self, likelihood: Likelihood) -> Bool[Tensor, " features"]:  # noqa: ARG002
        """True for features whose scale is held up by its floor alone, averaged over a batch.

        Never for probabilities, which are bounded by themselves.
        """
        return torch.zeros(self.num_features, dtype=torch.bool)
