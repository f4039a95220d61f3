"""Categorical likelihood for unordered codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from model_store.vae.likelihoods.interface import DiscreteLikelihood, LikelihoodHead, Measure
from model_store.vae.supports import IntegerSupport


@dataclass(frozen=True, eq=False)
class CategoricalLikelihood(DiscreteLikelihood):
    """Independent categorical features: p(x | z) = prod_i softmax(logits_i)[x_i].

    Args:
        logits: Unnormalised log-probabilities, shape (*batch, features, categories); -inf where a
            feature has fewer categories than the widest one.
    """

    logits: Float[Tensor, "*batch features categories"]

    def log_prob(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """Log-probability of each feature, in nats."""
        # Not by the shapes, which torch broadcasts in Python.
        codes, _ = torch.broadcast_tensors(x.long(), self.logits[..., 0])
        logits = self.logits.expand(*codes.shape, -1)
        chosen = logits.gather(-1, codes.unsqueeze(-1)).squeeze(-1)
        return chosen - self.logits.logsumexp(dim=-1)

    def cdf(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """P(X <= x) in the order of the codes, in float64."""
        cumulative = self.logits.double().softmax(dim=-1).cumsum(dim=-1)
        cumulative = torch.cat([torch.zeros_like(cumulative[..., :1]), cumulative], dim=-1)
        shape = torch.broadcast_shapes(x.shape, self.logits.shape[:-1])
        reached = (x.floor() + 1).clamp(0, self.logits.shape[-1]).long().expand(shape)
        chosen = cumulative.expand(*shape, -1).gather(-1, reached.unsqueeze(-1)).squeeze(-1)
        return chosen.clamp(max=1)

    @property
    def center(self) -> Float[Tensor, "*batch features"]:
        """The most probable code."""
        return self.logits.argmax(dim=-1).to(self.logits.dtype)

    @property
    def variance(self) -> Float[Tensor, "*batch features"]:
        """NaN: codes without an order have no distances."""
        return torch.full_like(self.center, torch.nan)

    @property
    def expectation(self) -> Float[Tensor, "*batch width"]:
        """Probabilities of the codes, those of all features side by side."""
        return self.logits.softmax(dim=-1).flatten(-2)

    def center_of(
        self, expectation: Float[Tensor, "*batch width"]
    ) -> Float[Tensor, "*batch features"]:
        """The codes that are most probable on average."""
        probs: Tensor = expectation.unflatten(-1, self.logits.shape[-2:])
        return probs.argmax(dim=-1).to(expectation.dtype)

    def sample(
        self, uniforms: Float[Tensor, "*#batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """The first code whose cumulative probability exceeds the uniform."""
        # float64, and the total divided out: float32 sums may end below 1 and yield no code.
        cumulative = self.logits.double().softmax(dim=-1).cumsum(dim=-1)
        uniforms = uniforms.unsqueeze(-1) * cumulative[..., -1:]
        return (cumulative <= uniforms).sum(dim=-1).to(self.logits.dtype)

    def parameters(self) -> dict[str, Float[Tensor, "..."]]:
        """`probs`: the probability of each code, zero beyond a feature's own categories."""
        return {"probs": self.logits.softmax(dim=-1)}


class CategoricalHead(LikelihoodHead):
    """One logit per category of each feature; features may differ in how many they have."""

    measure = Measure.PROBABILITY

    def __init__(self, cardinalities: Sequence[int]) -> None:
        super().__init__()
        self.cardinalities = tuple(cardinalities)
        self.num_features = len(self.cardinalities)
        self.input_width = self.output_width = sum(self.cardinalities)
        self.support = IntegerSupport(self.cardinalities)
        self._uniform_width = len(set(self.cardinalities)) == 1

    def embed(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, "rows inputs"]:
        """One-hot codes side by side."""
        positions = y.long() + self._starts.to(y.device)
        return y.new_zeros(y.shape[0], self.input_width).scatter_(1, positions, 1.0)

    def widen(self, observed: Bool[Tensor, "rows features"]) -> Bool[Tensor, "rows inputs"]:
        """Each feature's answer for all of its categories."""
        counts = torch.tensor(self.cardinalities, device=observed.device)
        return observed.repeat_interleave(counts, dim=-1)

    def forward(self, outputs: Float[Tensor, "*batch outputs"]) -> CategoricalLikelihood:
        """Outputs are logits, the features' own side by side."""
        if self._uniform_width:
            logits = outputs.unflatten(-1, (self.num_features, self.cardinalities[0]))
            return CategoricalLikelihood(logits)
        nothing = outputs.new_full((*outputs.shape[:-1], 1), -torch.inf)
        padded = torch.cat([outputs, nothing], dim=-1)
        return CategoricalLikelihood(padded[..., self._places.to(outputs.device)])

    def initial_outputs(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, " outputs"]:
        """Log base rates, with one count spread over each feature's categories."""
        widths = torch.tensor(self.cardinalities)
        prior = torch.cat([y.new_full((c,), 1 / c) for c in self.cardinalities])
        observed = (~y.isnan()).to(y.dtype).repeat_interleave(widths, dim=1)
        counts = (self.embed(y.nan_to_num()) * observed).sum(dim=0)
        return torch.log((counts + prior) / (observed.sum(dim=0) + 1))

    # Made once, and not in inference mode, where they would be of no use for gradients later.
    @cached_property
    def _starts(self) -> Int[Tensor, " features"]:
        """Where each feature's logits begin."""
        with torch.inference_mode(mode=False):
            widths = torch.tensor(self.cardinalities)
            return widths.cumsum(0) - widths

    @cached_property
    def _places(self) -> Int[Tensor, "features categories"]:
        """Where each logit stands; of one that a feature lacks, the place after the last."""
        with torch.inference_mode(mode=False):
            widths = torch.tensor(self.cardinalities).unsqueeze(1)
            steps = torch.arange(int(widths.max())).unsqueeze(0)
            return torch.where(steps < widths, self._starts.unsqueeze(1) + steps, self.output_width)
