"""Student's t: SciPy's at every degree of freedom it may have, and inverted to the last digits."""

import math

import mpmath
import pytest
import scipy.stats
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from model_store.vae.likelihoods import GaussianLikelihood, StudentTHead, StudentTLikelihood
from model_store.vae.noise import Noise

theorem = settings(deadline=None)
dfs = st.floats(1, 100)
positions = st.floats(-40, 40).map(math.sinh)


def exact_tail(t: float, df: float) -> float:
    """P(T > |t|), by the incomplete beta function in 60 digits."""
    with mpmath.workdps(60):
        outside = mpmath.mpf(df) / (df + mpmath.mpf(t) ** 2)
        beta = mpmath.betainc(mpmath.mpf(df) / 2, 0.5, 0, outside, regularized=True)
    return float(beta / 2)


@given(t=positions, df=dfs)
@example(t=8.059711841264902e-09, df=1.0)
@theorem
def test_log_prob_is_scipys_and_the_cdf_exact(t: float, df: float) -> None:
    law = standard(df)

    log_prob, cdf = law.log_prob(one(t)), law.cdf(one(t))

    assert float(log_prob) == pytest.approx(scipy.stats.t.logpdf(t, df), rel=1e-10, abs=1e-10)
    # Not SciPy's: near t = 0 it is off by as much as 2e-9.
    tail = exact_tail(t, df)
    assert float(cdf) == pytest.approx(tail if t < 0 else 1 - tail, abs=1e-10)
    assert float(law.cdf(one(-abs(t)))) == pytest.approx(tail, rel=1e-9)


@given(df=dfs, loc=st.floats(-5, 5), log_scale=st.floats(-5, 5))
@theorem
def test_it_integrates_to_one(df: float, loc: float, log_scale: float) -> None:
    law = StudentTLikelihood(one(loc), one(log_scale), one(df))
    s = torch.linspace(-40, 40, 20_001, dtype=torch.float64)[:, None]

    density = law.log_prob(law.loc + law.scale * torch.sinh(s)).exp() * torch.cosh(s) * law.scale

    assert float(torch.trapezoid(density, s, dim=0)) == pytest.approx(1, abs=1e-9)


@given(df=dfs, log_tail=st.floats(math.log(2**-54), math.log(0.5)))
@theorem
def test_quantiles_are_scipys(df: float, log_tail: float) -> None:
    uniform = math.exp(log_tail)

    ours = standard(df).sample(one(uniform))

    assert float(ours) == pytest.approx(scipy.stats.t.ppf(uniform, df), rel=1e-9, abs=1e-11)


@given(df=dfs, uniform=st.floats(1e-9, 1 - 1e-9))
@theorem
def test_sampling_inverts_the_cdf(df: float, uniform: float) -> None:
    law = standard(df)

    assert float(law.cdf(law.sample(one(uniform)))) == pytest.approx(uniform, abs=1e-13)


@pytest.mark.parametrize("uniform", [2.0**-54, 0.5 - 2.0**-54, 0.5, 0.5 + 2.0**-53, 1.0])
def test_the_noises_extremes_have_finite_quantiles(uniform: float) -> None:
    law = StudentTLikelihood(torch.zeros(3), torch.zeros(3), torch.tensor([1.0, 2.5, 100.0]))

    assert law.sample(one(uniform).expand(3)).isfinite().all()


def test_infinitely_far_out_lies_no_mass() -> None:
    infinities = torch.tensor([[-torch.inf], [torch.inf]], dtype=torch.float64)

    assert standard(1.0).cdf(infinities).flatten().tolist() == [0, 1]


def test_at_its_limit_it_is_nearly_gaussian() -> None:
    x = torch.linspace(-4, 4, 801, dtype=torch.float64)[:, None]
    gaussian = GaussianLikelihood(one(0.0), one(0.0)).log_prob(x)

    divergence = torch.trapezoid(
        gaussian.exp() * (gaussian - standard(100.0).log_prob(x)), x, dim=0
    )

    assert 0 < float(divergence) < 3e-4


def test_degrees_of_freedom_stay_between_one_and_a_hundred_and_learn() -> None:
    head = StudentTHead(3, "per_feature", floor=math.exp(-5))
    head.raw_df.data.copy_(torch.tensor([-1e3, 0.0, 1e3]))

    law = head(torch.zeros(1, 3))
    law.log_prob(torch.ones(1, 3)).sum().backward()

    assert law.df.tolist() == pytest.approx([1, 10, 100])
    assert head.raw_df.grad is not None
    assert head.raw_df.grad[1] != 0


def test_samples_have_its_quartiles() -> None:
    law = StudentTLikelihood(torch.tensor([[0.3]]), torch.tensor([1.0]), torch.tensor([1.5]))

    draws = law.sample(Noise(0).uniform(0, 40_000, 1)).double()

    quartiles = torch.quantile(draws, torch.tensor([0.25, 0.5, 0.75]).double())
    expected = scipy.stats.t.ppf([0.25, 0.5, 0.75], 1.5, loc=0.3, scale=math.e)
    assert quartiles.tolist() == pytest.approx(expected.tolist(), abs=0.08)


def standard(df: float) -> StudentTLikelihood:
    return StudentTLikelihood(one(0.0), one(0.0), one(df))


def one(value: float) -> Tensor:
    return torch.tensor([value], dtype=torch.float64)
