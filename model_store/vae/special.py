"""Special functions that torch lacks: the beta law's density and distribution function, float64.

Written for large arguments: what would cancel between log-gamma functions, which at 1e8 are of size
1e9, is taken out beforehand (Loader, 2000, "Fast and accurate computation of binomial
probabilities").
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

_SERIES_FROM = 16.0
_STIRLING = (1 / 12, -1 / 360, 1 / 1_260, -1 / 1_680, 1 / 1_188, -691 / 360_360, 1 / 156)
_EPSILON = 1e-15
# The fraction needs about sqrt(a + b) / 5 terms: this many at a + b = 1e9, and 30 at a + b = 1e4.
_MAX_TERMS = 10_000


def log_beta_kernel(
    a: Float[Tensor, "*#batch"],
    b: Float[Tensor, "*#batch"],
    x: Float[Tensor, "*#batch"],
    y: Float[Tensor, "*#batch"],
) -> Float[Tensor, "*batch"]:
    """Log of x^a y^b / B(a, b) for y = 1 - x, which is given for the sake of its digits.

    Args:
        a: Positive.
        b: Positive.
        x: In (0, 1).
        y: 1 - x.
    """
    n = a + b
    deviance = _deviance(a, n * x) + _deviance(b, n * y)
    corrections = _stirling_error(n) - _stirling_error(a) - _stirling_error(b)
    return corrections - deviance + 0.5 * torch.log(a / n * b / (2 * math.pi))


def betainc(
    a: Float[Tensor, "*#batch"],
    b: Float[Tensor, "*#batch"],
    x: Float[Tensor, "*#batch"],
    y: Float[Tensor, "*#batch"],
) -> Float[Tensor, "*batch"]:
    """I_x(a, b) = P(X <= x) for X of the law Beta(a, b), to 1e-13; y = 1 - x.

    By a continued fraction on the side of the mean where it is fast (DiDonato & Morris, 1992,
    "Algorithm 708", equation 9). Small values keep their digits relative to themselves.
    """
    a, b, x, y, above = _below_the_mean(a, b, x, y)
    kernel = torch.exp(_log_kernel(a, b, x, y))
    # Where nothing is left of the tail the fraction may overflow, so it gets a harmless one.
    gone = (kernel == 0) | (x == 0)
    tail = (kernel / _fraction_but(gone, a, b, x, y)).masked_fill(gone, 0.0)
    return torch.where(above, 1 - tail, tail).clamp(0, 1)


def log_betainc(
    a: Float[Tensor, "*#batch"],
    b: Float[Tensor, "*#batch"],
    x: Float[Tensor, "*#batch"],
    y: Float[Tensor, "*#batch"],
) -> Float[Tensor, "*batch"]:
    """Log I_x(a, b), also where I_x(a, b) itself is too small for a float64; y = 1 - x."""
    a, b, x, y, above = _below_the_mean(a, b, x, y)
    log_kernel, gone = _log_kernel(a, b, x, y), x == 0
    log_tail = log_kernel - _fraction_but(gone, a, b, x, y).log()
    log_tail = log_tail.masked_fill(gone, -torch.inf).clamp(max=0)
    return torch.where(above, torch.log1p(-log_tail.exp()), log_tail)


def _below_the_mean(
    a: Tensor, b: Tensor, x: Tensor, y: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The arguments in float64, those of I_y(b, a) = 1 - I_x(a, b) where x is above the mean."""
    a, b, x, y = torch.broadcast_tensors(a.double(), b.double(), x.double(), y.double())
    above = (b + 1) * x > (a + 1) * y
    a, b = torch.where(above, b, a), torch.where(above, a, b)
    x, y = torch.where(above, y, x), torch.where(above, x, y)
    return a, b, x, y, above


def _log_kernel(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    smallest = torch.finfo(torch.float64).tiny
    return log_beta_kernel(a, b, x.clamp(min=smallest), y.clamp(min=smallest))


def _fraction_but(gone: Tensor, a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The fraction, of harmless arguments in these places."""
    a, b = a.masked_fill(gone, 1.0), b.masked_fill(gone, 1.0)
    return _beta_fraction(a, b, x.masked_fill(gone, 0.5), y.masked_fill(gone, 0.5))


def _beta_fraction(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """x^a y^b / (B(a, b) I_x(a, b)) by Lentz's method, until no element changes any more."""
    fraction = a * (a * y - b * x + 1) / (a + 1)
    upper, lower = fraction.clone(), torch.zeros_like(fraction)
    for m in range(1, _MAX_TERMS):
        twice = a + 2 * m
        numerator = (a + m - 1) * (a + b + m - 1) * m * (b - m) * (x / (twice - 1)).square()
        step = (a + m) * (a * y - b * x + 1 + m * (2 - x)) / (twice + 1)
        denominator = m + m * (b - m) * x / (twice - 1) + step
        lower = 1 / (denominator + numerator * lower)
        upper = denominator + numerator / upper
        change = upper * lower
        fraction = fraction * change
        if bool(((change - 1).abs() < _EPSILON).all()):
            break
    return fraction


def _deviance(x: Tensor, mean: Tensor) -> Tensor:
    """X log(x / mean) + mean - x, without losing digits where x is near the mean."""
    excess = (x - mean) / mean
    near = excess.clamp(-0.5, 0.5)
    closely = mean * ((1 + near) * near.log1p() - near)
    return torch.where(excess == near, closely, x * (x.log() - mean.log()) + mean - x)


def _stirling_error(x: Tensor) -> Tensor:
    """Log Gamma(x + 1) less Stirling's formula for it."""
    small = x.clamp(max=_SERIES_FROM)
    exact = torch.lgamma(small + 1) - (small + 0.5) * small.log() + small
    inverse = 1 / x.clamp(min=_SERIES_FROM)
    series = torch.zeros_like(x)
    for coefficient in reversed(_STIRLING):
        series = series * inverse.square() + coefficient
    return torch.where(x < _SERIES_FROM, exact - 0.5 * math.log(2 * math.pi), series * inverse)
