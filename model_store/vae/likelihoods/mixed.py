"""One likelihood per column of a table, the columns of one kind held together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from model_store.vae.likelihoods.columns import Columns, in_order, picked
from model_store.vae.likelihoods.interface import Likelihood, LikelihoodHead, Measure
from model_store.vae.supports import Support


@dataclass(frozen=True, eq=False)
class MixedLikelihood(Likelihood):
    """Independent features of several kinds: log p(x | z) is the sum over all of them.

    Args:
        parts: Pairs of (columns, likelihood over those columns); the columns of all parts together
            are 0 ... features-1, each once.
    """

    parts: Sequence[tuple[Columns, Likelihood]]

    def log_prob(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """Log-density or log-probability of each feature, in nats."""
        return self._gather(lambda columns, part: part.log_prob(picked(x, columns)))

    def total_log_prob(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch"]:
        """Sum of the parts' own."""
        first, *others = (part.total_log_prob(picked(x, columns)) for columns, part in self.parts)
        return sum(others, start=first)

    def cdf(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """P(X <= x) of each feature, in float64."""
        return self._gather(lambda columns, part: part.cdf(picked(x, columns)))

    def interval_log_prob(
        self,
        x: Float[Tensor, "*#batch features"],
        low: Float[Tensor, "*#batch features"],
        high: Float[Tensor, "*#batch features"],
    ) -> Float[Tensor, "*batch features"]:
        """Continuous columns by their intervals, discrete ones by their values."""
        return self._gather(
            lambda columns, part: part.interval_log_prob(
                picked(x, columns), picked(low, columns), picked(high, columns)
            )
        )

    @property
    def center(self) -> Float[Tensor, "*batch features"]:
        """Means, and most probable codes of unordered features."""
        return self._gather(lambda _, part: part.center)

    @property
    def variance(self) -> Float[Tensor, "*batch features"]:
        """Variances of the parts, NaN for unordered features."""
        return self._gather(lambda _, part: part.variance)

    @property
    def expectation(self) -> Float[Tensor, "*batch width"]:
        """The parts' own, side by side."""
        return torch.cat([part.expectation for _, part in self.parts], dim=-1)

    def center_of(
        self, expectation: Float[Tensor, "*batch width"]
    ) -> Float[Tensor, "*batch features"]:
        """Each part's, in the order of the table."""
        widths = [part.expectation.shape[-1] for _, part in self.parts]
        slices = iter(expectation.split(widths, dim=-1))
        return self._gather(lambda _, part: part.center_of(next(slices)))

    def sample(
        self, uniforms: Float[Tensor, "*#batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """Draws of every part."""
        return self._gather(lambda columns, part: part.sample(picked(uniforms, columns)))

    def parameters(self) -> dict[str, Float[Tensor, "..."]]:
        """Every column's parameters, named `column.parameter`, without the feature axis."""
        return {
            f"{column}.{name}": value.select(part.center.ndim - 1, i)
            for columns, part in self.parts
            for name, value in part.parameters().items()
            for i, column in enumerate(columns)
        }

    def affine(
        self, shift: Float[Tensor, " features"], scale: Float[Tensor, " features"]
    ) -> "MixedLikelihood":
        """Each part in its own columns' units."""
        return MixedLikelihood(
            [
                (columns, part.affine(picked(shift, columns), picked(scale, columns)))
                for columns, part in self.parts
            ]
        )

    def _gather(
        self, question: Callable[[Columns, Likelihood], Tensor]
    ) -> Float[Tensor, "*batch features"]:
        answers = [question(columns, part) for columns, part in self.parts]
        return in_order(answers, tuple(columns for columns, _ in self.parts))


@dataclass(frozen=True)
class MixedSupport(Support):
    """Each part's support in its own columns."""

    parts: tuple[tuple[Columns, Support], ...]

    def contains(self, x: Float[Tensor, "rows features"]) -> Bool[Tensor, "rows features"]:
        """True where a value is allowed."""
        inside = torch.ones_like(x, dtype=torch.bool)
        for columns, support in self.parts:
            inside[:, list(columns)] = support.contains(picked(x, columns))
        return inside

    def contains_all(self, x: Float[Tensor, "rows features"]) -> bool:
        """Whether every part has all of its columns' values."""
        return all(support.contains_all(picked(x, columns)) for columns, support in self.parts)

    def describe(self, feature: int, *, shift: float = 0.0, scale: float = 1.0) -> str:
        """What the feature takes."""
        for columns, support in self.parts:
            if feature in columns:
                return support.describe(columns.index(feature), shift=shift, scale=scale)
        raise IndexError(feature)


class MixedHead(LikelihoodHead):
    """The heads of the parts, their inputs and outputs side by side.

    Args:
        parts: Pairs of (columns, head over those columns), covering 0 ... features-1.
    """

    def __init__(self, parts: Sequence[tuple[Columns, LikelihoodHead]]) -> None:
        super().__init__()
        self.columns = [columns for columns, _ in parts]
        self.heads = nn.ModuleList(head for _, head in parts)
        self.num_features = sum(len(c) for c in self.columns)
        self.input_width = sum(head.input_width for _, head in parts)
        self.output_width = sum(head.output_width for _, head in parts)
        measures = {head.measure for _, head in parts}
        self.measure = measures.pop() if len(measures) == 1 else Measure.MIXED
        self._parts = list(parts)
        self.support = MixedSupport(tuple((c, h.support) for c, h in parts))

    def embed(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, "rows inputs"]:
        """The parts' embeddings side by side."""
        return torch.cat([head.embed(picked(y, c)) for c, head in self._parts], dim=-1)

    def widen(self, observed: Bool[Tensor, "rows features"]) -> Bool[Tensor, "rows inputs"]:
        """Each part's own, side by side."""
        return torch.cat([head.widen(picked(observed, c)) for c, head in self._parts], dim=-1)

    def forward(self, outputs: Float[Tensor, "*batch outputs"]) -> MixedLikelihood:
        """Each head reads its own slice of the outputs."""
        slices = outputs.split_with_sizes([head.output_width for _, head in self._parts], dim=-1)
        return MixedLikelihood(
            [(c, head(part)) for (c, head), part in zip(self._parts, slices, strict=True)]
        )

    def freeze(self) -> None:
        """Each part's."""
        for _, head in self._parts:
            head.freeze()

    def initial_outputs(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, " outputs"]:
        """The parts' initial outputs side by side."""
        return torch.cat([head.initial_outputs(y[:, list(c)]) for c, head in self._parts])

    def initialize_parameters(self, y: Float[Tensor, "rows features"]) -> None:
        """Each part's from its own columns."""
        for columns, head in self._parts:
            head.initialize_parameters(y[:, list(columns)])

    def at_floor(self, likelihood: Likelihood) -> Bool[Tensor, " features"]:
        """Each part's own answer, in the table's order."""
        if not isinstance(likelihood, MixedLikelihood):
            raise TypeError("A mixed head judges mixed likelihoods only.")
        parts = [p for _, p in likelihood.parts]
        pairs = zip(self._parts, parts, strict=True)
        flags = [head.at_floor(part).cpu() for (_, head), part in pairs]
        return in_order(flags, tuple(self.columns))
