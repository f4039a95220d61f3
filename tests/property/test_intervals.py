"""Fact 9: the probability of an interval, to the last digits, narrow or wide, near or far out."""

import math
from collections.abc import Callable

import mpmath
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from model_store.vae.likelihoods import (
    ContinuousBernoulliLikelihood,
    GaussianLikelihood,
    LaplaceLikelihood,
    Likelihood,
    MixedLikelihood,
    PoissonLikelihood,
    StudentTLikelihood,
)
from tests.models import KINDS, random_rows, small_vae

theorem = settings(deadline=None)
far = st.floats(-300, 300) | st.floats(-2, 2)
widths = st.floats(-12, 3).map(lambda power: 10**power)
dfs = st.floats(1, 100)
laws = st.one_of(
    st.builds(lambda: GaussianLikelihood(one(0.3), one(-0.4))),
    st.builds(lambda: LaplaceLikelihood(one(0.3), one(-0.4))),
    st.builds(lambda df: StudentTLikelihood(one(0.3), one(-0.4), one(df)), dfs),
    st.builds(
        lambda logit: ContinuousBernoulliLikelihood(one(logit)).affine(one(-1.0), one(2.0)),
        st.floats(-100, 100),
    ),
)


@given(low=far, width=widths)
@theorem
def test_gaussian_mass_is_the_exact_one(low: float, width: float) -> None:
    law, high = GaussianLikelihood(one(0.0), one(0.0)), low + width
    assume(low < high)

    ours = log_mass(law, low, high)

    assert ours == pytest.approx(exact(gaussian_tail, low, high), rel=1e-13, abs=1e-13)


@given(low=far, width=widths)
@theorem
def test_laplace_mass_is_the_exact_one(low: float, width: float) -> None:
    law, high = LaplaceLikelihood(one(0.0), one(0.0)), low + width
    assume(low < high)

    ours = log_mass(law, low, high)

    assert ours == pytest.approx(exact(laplace_tail, low, high), rel=1e-13, abs=1e-13)


@given(low=far, width=widths, df=dfs)
@theorem
def test_student_t_mass_is_the_exact_one(low: float, width: float, df: float) -> None:
    law, high = StudentTLikelihood(one(0.0), one(0.0), one(df)), low + width
    assume(low < high)

    ours = log_mass(law, low, high)

    assert ours == pytest.approx(exact(student_t_tail(df), low, high), rel=1e-12, abs=1e-12)


@given(low=st.floats(0, 1), width=widths, logit=st.floats(-100, 100))
@theorem
def test_continuous_bernoulli_mass_is_the_exact_one(low: float, width: float, logit: float) -> None:
    high = min(1.0, low + width)
    assume(low < high)
    with mpmath.workdps(60):
        rate, start, width = mpmath.mpf(logit or 1e-60), mpmath.mpf(low), mpmath.mpf(high) - low
        share = mpmath.exp(rate * start) * mpmath.expm1(rate * width) / mpmath.expm1(rate)
        expected = float(mpmath.log(share))

    ours = log_mass(ContinuousBernoulliLikelihood(one(logit)), low, high)

    assert ours == pytest.approx(expected, rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("middle", [0.0, 30.0, -30.0])
def test_a_billionth_of_a_scale_is_density_times_width(middle: float) -> None:
    law = GaussianLikelihood(one(0.0), one(0.0))

    ours = log_mass(law, middle - 5e-10, middle + 5e-10)

    width = math.log((middle + 5e-10) - (middle - 5e-10))
    assert ours == pytest.approx(float(law.log_prob(one(middle))) + width, rel=1e-13)


@given(x=st.floats(-4, 4), loc=st.floats(-4, 4), log_scale=st.floats(-1, 2), half=st.floats(0, 0.1))
@theorem
def test_narrow_gaussian_mass_is_density_times_width_and_its_second_term(
    x: float, loc: float, log_scale: float, half: float
) -> None:
    law = GaussianLikelihood(one(loc), one(log_scale))
    e, t = half * math.exp(log_scale), (x - loc) * math.exp(-log_scale)

    mass = math.exp(log_mass(law, x - e, x + e))

    first = 2 * e * float(law.log_prob(one(x)).exp())
    second = first * (1 + half**2 * (t**2 - 1) / 6)
    assert mass == pytest.approx(second, rel=half**4 * (t**4 + 6 * t**2 + 3) / 100, abs=1e-15)


@given(law=laws, ends=st.lists(st.floats(-1e3, 1e3) | st.floats(-1, 1), min_size=3, max_size=3))
@theorem
def test_two_adjacent_masses_add_up_to_that_of_their_union(
    law: Likelihood, ends: list[float]
) -> None:
    low, middle, high = sorted(ends)

    parts = [log_mass(law, low, middle), log_mass(law, middle, high)]

    together = float(torch.tensor(parts, dtype=torch.float64).logsumexp(0))
    assert together == pytest.approx(log_mass(law, low, high), rel=1e-11, abs=1e-11)


@given(law=laws, ends=st.lists(st.floats(-1e6, 1e6) | st.floats(-2, 2), max_size=20))
@theorem
def test_a_partition_of_the_line_has_mass_one(law: Likelihood, ends: list[float]) -> None:
    edges = torch.tensor([-math.inf, *sorted(ends), math.inf], dtype=torch.float64)[:, None]

    masses = law.interval_log_prob(edges[1:], edges[:-1], edges[1:])

    assert float(masses.exp().sum()) == pytest.approx(1, abs=1e-12)


@given(law=laws, low=st.floats(-1e300, 1e300), width=st.floats(0, 1e300))
@theorem
def test_it_is_never_above_one_nor_undefined(law: Likelihood, low: float, width: float) -> None:
    assert log_mass(law, low, low + width) <= 0


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_difference_of_the_cdf_where_that_does_not_cancel(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 50).flatten(1)
    law = vae.data_likelihood(torch.randn(50, 3, generator=torch.Generator().manual_seed(2)))
    low, high = x - 0.5, x + 0.4  # of a discrete feature, x alone

    ours = law.interval_log_prob(x, low, high)

    assert ours.dtype == torch.float64
    torch.testing.assert_close(ours.exp(), law.cdf(high) - law.cdf(low), atol=1e-6, rtol=0)


def test_a_mixed_law_asks_its_continuous_columns_for_intervals_only() -> None:
    gaussian = GaussianLikelihood(torch.zeros(1, 2), torch.zeros(2))
    poisson = PoissonLikelihood(torch.ones(1, 1))
    law = MixedLikelihood([((2, 0), gaussian), ((1,), poisson)])
    x = torch.tensor([[0.5, 3.0, -1.0]], dtype=torch.float64)

    ours = law.interval_log_prob(x, x - 0.1, x + 0.1)

    own = x[:, [0, 2]]
    continuous = gaussian.interval_log_prob(own, own - 0.1, own + 0.1)
    torch.testing.assert_close(ours[:, [0, 2]], continuous)
    torch.testing.assert_close(ours[:, [1]], poisson.log_prob(x[:, [1]]))


def test_outside_the_unit_interval_lies_no_mass() -> None:
    law = ContinuousBernoulliLikelihood(one(-3.0))

    beside, reaching_out = log_mass(law, 1.0, 2.0), log_mass(law, -5.0, 0.2)

    assert beside == -math.inf
    assert reaching_out == log_mass(law, 0.0, 0.2)


@given(law=laws, low=st.floats(-3, 3), width=st.floats(1e-6, 6))
@theorem
def test_moving_the_law_moves_its_intervals(law: Likelihood, low: float, width: float) -> None:
    shift, scale = one(-20.0), one(1_024.0)

    ours = log_mass(law.affine(shift, scale), -20 + 1_024 * low, -20 + 1_024 * (low + width))

    assert ours == pytest.approx(log_mass(law, low, low + width), rel=1e-8, abs=1e-8)


def exact(tail: Callable[[mpmath.mpf], mpmath.mpf], low: float, high: float) -> float:
    """The log mass of an interval from P(T < t) for t <= 0, with digits enough to cancel."""
    with mpmath.workdps(60):
        ends = (low, high) if low + high <= 0 else (-high, -low)
        below, above = (mpmath.mpf(end) for end in ends)
        upper = tail(above) if above <= 0 else 1 - tail(-above)
        return float(mpmath.log(upper - tail(below)))


def gaussian_tail(t: mpmath.mpf) -> mpmath.mpf:
    return mpmath.erfc(-t / mpmath.sqrt(2)) / 2


def laplace_tail(t: mpmath.mpf) -> mpmath.mpf:
    return mpmath.exp(t) / 2


def student_t_tail(df: float) -> Callable[[mpmath.mpf], mpmath.mpf]:
    def tail(t: mpmath.mpf) -> mpmath.mpf:
        inside = df / (df + t * t)
        return mpmath.betainc(mpmath.mpf(df) / 2, mpmath.mpf(0.5), 0, inside, regularized=True) / 2

    return tail


def log_mass(law: Likelihood, low: float, high: float) -> float:
    return float(law.interval_log_prob(one(low), one(low), one(high)))


def one(value: float) -> Tensor:
    return torch.tensor([value], dtype=torch.float64)
