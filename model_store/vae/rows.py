"""Rows of data as the networks see them: in model units, and which of their features are known."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from model_store.vae.likelihoods import Likelihood
from model_store.vae.sums import total


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows in model units.

    Args:
        y: Shape (rows, features), float32. A missing feature holds 0, which every support has.
        log_abs_det: Log |dy/dx| in nats, so that log p(x) = log p(y) + log |dy/dx|: of each feature
            alike, shape (features,), or of each value, shape (rows, features); None where it is 0,
            as of an interval, whose probability has no unit.
        observed: False where a feature is missing; None where nothing is.
        ends: Where the interval of each value begins and ends, both (rows, features) and float64,
            if the probability of an interval is asked for and not a density.
    """

    y: Float[Tensor, "rows features"]
    log_abs_det: Float[Tensor, "*#rows features"] | None = None
    observed: Bool[Tensor, "rows features"] | None = None
    ends: tuple[Float[Tensor, "rows features"], Float[Tensor, "rows features"]] | None = None

    def __len__(self) -> int:
        """How many."""
        return self.y.shape[0]

    @property
    def is_empty(self) -> Bool[Tensor, " rows"]:
        """True for rows that have no observed feature."""
        return self.num_observed == 0

    @property
    def num_observed(self) -> Int[Tensor, " rows"]:
        """Observed features of each row."""
        if self.observed is None:
            return torch.full_like(self.y[:, 0], self.y.shape[1], dtype=torch.int64)
        return self.observed.sum(dim=-1)

    @cached_property
    def total_log_abs_det(self) -> Float[Tensor, "*rows"] | None:
        """Sum of log |dy/dx| over the observed features, in float64: of each row, or of all."""
        slopes = self.log_abs_det
        if slopes is not None and self.observed is not None:
            slopes = torch.where(self.observed, slopes, 0.0)
        return None if slopes is None else total(slopes)

    def of_observed(
        self, values: Float[Tensor, "*batch rows features"]
    ) -> Float[Tensor, "*batch rows features"]:
        """The values, 0 where the feature is missing."""
        return values if self.observed is None else values.masked_fill(~self.observed, 0.0)

    def log_prob_under(self, law: Likelihood) -> Float[Tensor, "*batch rows features"]:
        """What a law of y makes of each value, or of its interval, in nats."""
        if self.ends is None:
            return law.log_prob(self.y)
        return law.interval_log_prob(self.y, *self.ends)

    def total_log_prob_under(self, law: Likelihood) -> Float[Tensor, "*batch rows"]:
        """What a law of y makes of the observed values together, in nats and float64."""
        if self.ends is None and self.observed is None:
            return law.total_log_prob(self.y)
        return total(self.of_observed(self.log_prob_under(law)))

    def select(self, rows: Int[Tensor, " n"] | Bool[Tensor, " rows"] | slice) -> "Rows":
        """Some of the rows."""
        parts: dict[str, Any] = {"y": self.y[rows]}
        if self.log_abs_det is not None and self.log_abs_det.ndim > 1:
            parts["log_abs_det"] = self.log_abs_det[rows]
        if self.observed is not None:
            parts["observed"] = self.observed[rows]
        if self.ends is not None:
            parts["ends"] = (self.ends[0][rows], self.ends[1][rows])
        return replace(self, **parts)

    def split(self, count: int) -> "list[Rows]":
        """The rows, `count` at a time."""
        if len(self) <= count:
            return [self]
        return [self.select(slice(start, start + count)) for start in range(0, len(self), count)]

    def hide(self, hidden: Bool[Tensor, "rows features"]) -> "Rows":
        """The rows with more of their features missing."""
        observed = ~hidden if self.observed is None else self.observed & ~hidden
        return replace(self, y=self.y.masked_fill(hidden, 0.0), observed=observed)
