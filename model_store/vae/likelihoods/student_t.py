"""Student's t likelihood for real features with outliers; how many is learned for each feature."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model_store.vae.likelihoods.intervals import (
    StandardInterval,
    narrow_log_mass,
    wide_log_mass,
)
from model_store.vae.likelihoods.location_scale import (
    LocationScaleHead,
    LocationScaleLikelihood,
    ScaleKind,
)
from model_store.vae.special import betainc, log_betainc

DF_LIMIT = 100.0
"""From 1, where the mean ceases to exist, to 100, where a Gaussian is within 3e-4 nats."""

_NEWTON_STEPS = 5  # three are enough for 1e-12 at every df from 1 to 100


@dataclass(frozen=True, eq=False)
class StudentTLikelihood(LocationScaleLikelihood):
    """Independent features loc + scale T, where T is Student's t with df degrees of freedom.

    p(t) is proportional to (1 + t^2 / df)^(-(df + 1) / 2): far out a power of t, so an outlier
    costs the logarithm of its distance and not its square.

    Args:
        loc: Medians, and for df > 1 the means, shape (*batch, features).
        log_scale: Natural log of the scales, broadcastable to loc; the standard deviation is
            sqrt(df / (df - 2)) times as large, and infinite for df <= 2.
        df: Degrees of freedom of each feature, from 1 to 100.
    """

    df: Float[Tensor, " features"]

    def standard_log_prob(
        self, t: Float[Tensor, "*batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """In the precision of t, but for the constant."""
        df = self.df.to(t.dtype)
        powers = (df + 1) / 2 * torch.log1p(t.square() / df)
        return self._log_constant().to(t.dtype) - powers

    def standard_cdf(self, t: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch features"]:
        """By the incomplete beta function."""
        tail = self._tail(t)
        return torch.where(t < 0, tail, 1 - tail)

    def standard_interval_log_prob(
        self, interval: StandardInterval
    ) -> Float[Tensor, "*batch features"]:
        """The density is a power of t^2 + df: that, and not a unit, says what is narrow."""
        df = self.df.double()
        widest = 0.5 * torch.sqrt(df + interval.middle.square()) / (df + 1)
        narrow = narrow_log_mass(self.standard_log_prob, interval, widest)
        wide = wide_log_mass(self._log_tail, interval)
        return torch.where(interval.half <= widest, narrow, wide)

    @property
    def standard_variance(self) -> Float[Tensor, "..."]:
        """The ratio df / (df - 2), infinite up to df = 2."""
        return torch.where(self.df > 2, self.df / (self.df - 2), torch.inf)

    def standard_quantile(
        self, uniforms: Float[Tensor, "*batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """Newton's steps from Wallace's approximation (1959) by a normal quantile.

        On the log of the nearer tail against asinh(t): straight far out, where the tail is a power
        of t, and regular at 0.
        """
        df = self.df.double()
        # Half a cell of the noise from the ends: the last uniform is rounded to 1.
        nearer = torch.minimum(uniforms, 1 - uniforms).clamp(min=2.0**-54)
        normal = torch.special.ndtri(nearer) * (8 * df + 3) / (8 * df + 1)
        s = torch.asinh(torch.sqrt(df * torch.expm1(normal.square() / df)))
        for _ in range(_NEWTON_STEPS):
            tail = self._tail(torch.sinh(s))
            density = self.standard_log_prob(torch.sinh(s)).exp()
            s = s + torch.log(tail / nearer) * tail / (density * torch.cosh(s))
        return torch.where(uniforms < 0.5, -torch.sinh(s), torch.sinh(s))

    def parameters(self) -> dict[str, Float[Tensor, "..."]]:
        """`loc`, `scale` and `df`."""
        return {**super().parameters(), "df": self.df.expand(self.loc.shape)}

    def _tail(self, t: Tensor) -> Tensor:
        """P(T > |t|), in float64."""
        return 0.5 * betainc(*self._beta_arguments(t))

    def _log_tail(self, t: Tensor) -> Tensor:
        """Log P(T > |t|), also where the tail itself is too small for a float64."""
        return log_betainc(*self._beta_arguments(t)) - math.log(2)

    def _beta_arguments(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        df, square = self.df.double(), t.double().square()
        outside, inside = 1 / (1 + square / df), 1 / (1 + df / square)
        return df / 2, torch.full_like(df, 0.5), outside, inside

    def _log_constant(self) -> Tensor:
        # In float64: at df = 100 the two cancel from 140 to 2.
        half = self.df.double() / 2
        return torch.lgamma(half + 0.5) - torch.lgamma(half) - 0.5 * torch.log(2 * math.pi * half)


class StudentTHead(LocationScaleHead):
    """One location per feature, a log-scale too where predicted, and learned degrees of freedom.

    df = 100^sigmoid(raw), so that it lies between 1 and 100 and begins at 10.
    """

    def __init__(self, num_features: int, scale: ScaleKind, floor: float) -> None:
        super().__init__(num_features, scale, floor)
        self.raw_df = nn.Parameter(torch.zeros(num_features))

    def law(
        self,
        loc: Float[Tensor, "*batch features"],
        log_scale: Float[Tensor, "*#batch features"],
    ) -> StudentTLikelihood:
        """Student's t."""
        df = torch.exp(math.log(DF_LIMIT) * self.raw_df.sigmoid())
        return StudentTLikelihood(loc, log_scale, df)

    def marginal(
        self, y: Float[Tensor, "rows features"]
    ) -> tuple[Float[Tensor, " features"], Float[Tensor, " features"]]:
        """Medians, and median absolute deviations as a Gaussian's standard deviation has them."""
        median = y.median(dim=0).values
        return median, 1.4826 * (y - median).abs().median(dim=0).values

    def embed(self, y: Float[Tensor, "rows features"]) -> Float[Tensor, "rows inputs"]:
        """Outliers of every size at one order of magnitude."""
        return torch.asinh(y)
