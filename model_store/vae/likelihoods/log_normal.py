"""Log-normal likelihood: what a Gaussian of log x is in the units of x."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.vae.likelihoods.gaussian import GaussianLikelihood
from model_store.vae.likelihoods.interface import Likelihood
from model_store.vae.likelihoods.mixed import MixedLikelihood


@dataclass(frozen=True, eq=False)
class LogNormalLikelihood(Likelihood):
    """Independent features x_i = e^u_i - offset_i, where the u_i are Gaussian.

    Args:
        gaussian: The law of u = log(x + offset).
        offset: In data units, broadcastable to the features; x is above minus this.
    """

    gaussian: GaussianLikelihood
    offset: Float[Tensor, "*#features"]

    def log_prob(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """Log-density of each feature, in nats: that of u, and log |du/dx| = -u."""
        logarithm = self._log(x)
        return self.gaussian.log_prob(logarithm) - logarithm

    def cdf(self, x: Float[Tensor, "*#batch features"]) -> Float[Tensor, "*batch features"]:
        """P(X <= x) of each feature, in float64."""
        return self.gaussian.cdf(self._log(x.double()))

    def interval_log_prob(
        self,
        x: Float[Tensor, "*#batch features"],
        low: Float[Tensor, "*#batch features"],
        high: Float[Tensor, "*#batch features"],
    ) -> Float[Tensor, "*batch features"]:
        """Log of the Gaussian mass between the logarithms of the ends, in nats and float64."""
        ends = (self._log(end.double()) for end in (x, low, high))
        return self.gaussian.interval_log_prob(*ends)

    @property
    def center(self) -> Float[Tensor, "*batch features"]:
        """Means: e^(m + s^2/2) - offset, m and s being those of u."""
        return self._mean_of_exp() - self.offset

    @property
    def variance(self) -> Float[Tensor, "*batch features"]:
        """Of each feature: (e^(s^2) - 1) e^(2m + s^2)."""
        return self._mean_of_exp().square() * torch.expm1(self.gaussian.scale.square())

    def sample(
        self, uniforms: Float[Tensor, "*#batch features"]
    ) -> Float[Tensor, "*batch features"]:
        """The quantiles of the uniforms."""
        return self.gaussian.sample(uniforms).exp() - self.offset

    def parameters(self) -> dict[str, Float[Tensor, "..."]]:
        """`loc_of_log` and `scale_of_log`: the mean and standard deviation of u."""
        return {f"{name}_of_log": value for name, value in self.gaussian.parameters().items()}

    def affine(
        self, shift: Float[Tensor, " features"], scale: Float[Tensor, " features"]
    ) -> "LogNormalLikelihood":
        """The same law with u moved by log scale, and another offset."""
        gaussian = dataclasses.replace(self.gaussian, loc=self.gaussian.loc + scale.log())
        return LogNormalLikelihood(gaussian, scale * self.offset - shift)

    def _log(self, x: Tensor) -> Tensor:
        """The u of each x; minus infinity below the support."""
        return (x + self.offset).clamp(min=0).log()

    def _mean_of_exp(self) -> Tensor:
        variance = self.gaussian.scale.square()
        return torch.exp(self.gaussian.loc + variance / 2)


def with_log_columns(
    law: Likelihood, columns: Sequence[int], offset: Float[Tensor, " features"]
) -> Likelihood:
    """The law of x where `law` is that of log(x + offset) in these columns and of x elsewhere.

    Only for Gaussian columns: under a law with heavier tails e^u need not have a mean.

    Args:
        law: Of every feature.
        columns: Flat indices of features whose law is Gaussian.
        offset: Of every feature, in data units.
    """
    if not columns:
        return law
    parts = law.parts if isinstance(law, MixedLikelihood) else [(tuple(range(len(offset))), law)]
    split = [piece for part in parts for piece in _split(*part, set(columns), offset)]
    return split[0][1] if len(split) == 1 else MixedLikelihood(split)


def _split(
    columns: tuple[int, ...], law: Likelihood, logarithmic: set[int], offset: Tensor
) -> list[tuple[tuple[int, ...], Likelihood]]:
    """The columns that stay as they are, and those of which the law is one of logarithms."""
    inside = [i for i, column in enumerate(columns) if column in logarithmic]
    if not inside:
        return [(columns, law)]
    if not isinstance(law, GaussianLikelihood):
        raise TypeError("Only a Gaussian of logarithms has a mean in the units of the data.")
    pieces: list[tuple[tuple[int, ...], Likelihood]] = []
    if outside := [i for i in range(len(columns)) if i not in set(inside)]:
        pieces.append((_at(columns, outside), _columns(law, outside)))
    chosen = _at(columns, inside)
    pieces.append((chosen, LogNormalLikelihood(_columns(law, inside), offset[list(chosen)])))
    return pieces


def _columns(law: GaussianLikelihood, columns: list[int]) -> GaussianLikelihood:
    log_scale = law.log_scale.expand(law.loc.shape)
    return GaussianLikelihood(law.loc[..., columns], log_scale[..., columns])


def _at(columns: tuple[int, ...], places: list[int]) -> tuple[int, ...]:
    return tuple(columns[i] for i in places)
