"""Where a likelihood is defined: user data outside it is refused, never clipped."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from model_store.vae import native


class Support(ABC):
    """The values each feature may take."""

    @abstractmethod
    def contains(self, x: Float[Tensor, "rows features"]) -> Bool[Tensor, "rows features"]:
        """True where a value is allowed; NaN and infinities never are."""

    def contains_all(self, x: Float[Tensor, "rows features"]) -> bool:
        """Whether every value is allowed."""
        return bool(self.contains(x).all())

    def narrowed(self, x: Float[Tensor, "rows features"]) -> Float[Tensor, "rows features"] | None:
        """The values in float32 if every one is allowed, or else None."""
        return x.float() if self.contains_all(x) else None

    @abstractmethod
    def describe(self, feature: int, *, shift: float = 0.0, scale: float = 1.0) -> str:
        """What shift + scale times the feature takes, as words that finish "needed ..."."""


@dataclass(frozen=True)
class RealSupport(Support):
    """Any finite number."""

    def contains(self, x: Float[Tensor, "rows features"]) -> Bool[Tensor, "rows features"]:
        """True where finite."""
        return x.isfinite()

    def contains_all(self, x: Float[Tensor, "rows features"]) -> bool:
        """Whether every value is allowed; of a finite sum sooner."""
        return math.isfinite(float(x.sum())) or super().contains_all(x)

    def describe(self, feature: int, *, shift: float = 0.0, scale: float = 1.0) -> str:  # noqa: ARG002 - the same for every feature and unit
        """What a feature takes."""
        return "a finite number"


@dataclass(frozen=True)
class UnitIntervalSupport(Support):
    """Any number from 0 to 1, the ends included."""

    def contains(self, x: Float[Tensor, "rows features"]) -> Bool[Tensor, "rows features"]:
        """True from 0 to 1."""
        return (x >= 0) & (x <= 1)

    def describe(self, feature: int, *, shift: float = 0.0, scale: float = 1.0) -> str:  # noqa: ARG002 - the same for every feature
        """What a feature takes."""
        return f"a number from {shift:.12g} to {shift + scale:.12g}"


@dataclass(frozen=True)
class IntegerSupport(Support):
    """Integers 0 ... counts[j] - 1 for feature j; without counts, any integer from 0 on."""

    counts: tuple[int, ...] | None = None

    def contains(self, x: Float[Tensor, "rows features"]) -> Bool[Tensor, "rows features"]:
        """True where an integer within bounds."""
        return x == self._nearest(x)

    def contains_all(self, x: Float[Tensor, "rows features"]) -> bool:
        """Whether every value is allowed; of zeros and ones, which come by the million, sooner."""
        if self._is_binary and native.fits(x):
            return native.are_binary(x)
        if self._is_binary:
            # Nothing else is its own square; what is not finite makes NaN. A third of the time
            # that comparing takes.
            return float(torch.addcmul(x, x, x, value=-1).abs_().sum()) == 0
        return torch.equal(x, self._nearest(x))

    def narrowed(self, x: Float[Tensor, "rows features"]) -> Float[Tensor, "rows features"] | None:
        """The values in float32 if every one is allowed, found out while they are converted."""
        if x.dtype == torch.float64 and self._is_binary and native.fits(x, dtype=torch.float64):
            return native.as_binary(x)
        return super().narrowed(x)

    def _nearest(self, x: Float[Tensor, "rows features"]) -> Float[Tensor, "rows features"]:
        """The integer below, or where that is out of bounds the nearest one within them."""
        if self.counts is None:
            return x.floor().clamp_(0, torch.finfo(x.dtype).max)
        return x.floor().clamp_(*_bounds(self.counts, x.dtype, x.device))

    @cached_property
    def _is_binary(self) -> bool:
        return self.counts is not None and set(self.counts) == {2}

    def describe(self, feature: int, *, shift: float = 0.0, scale: float = 1.0) -> str:  # noqa: ARG002 - codes and counts have no unit
        """What a feature takes."""
        if self.counts is None:
            return "an integer of at least 0"
        top = self.counts[feature] - 1
        return "0 or 1" if top == 1 else f"an integer from 0 to {top}"


@lru_cache(maxsize=64)
def _bounds(
    counts: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> tuple[Float[Tensor, " features"], Float[Tensor, " features"]]:
    """The first codes and the last; of a thousand features longer to make than to compare with."""
    last = torch.tensor(counts, dtype=dtype, device=device) - 1
    return torch.zeros_like(last), last
