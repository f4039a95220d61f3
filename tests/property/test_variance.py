"""The variance of every law: SciPy's where it has the law, and else the sum over all values."""

import math

import mpmath
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model_store.vae.likelihoods import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    ContinuousBernoulliLikelihood,
    DiscretizedLogisticLikelihood,
    GaussianLikelihood,
    LaplaceLikelihood,
    MixedLikelihood,
    NegativeBinomialLikelihood,
    PoissonLikelihood,
    StudentTLikelihood,
)
from tests.models import KINDS, small_vae

theorem = settings(deadline=None)
log_scales = st.floats(-20, 20)


@given(log_scale=log_scales)
@theorem
def test_gaussian_and_laplace_are_scipys(log_scale: float) -> None:
    scale = math.exp(log_scale)

    gaussian = GaussianLikelihood(one(3.0), one(log_scale)).variance
    laplace = LaplaceLikelihood(one(3.0), one(log_scale)).variance

    assert float(gaussian) == pytest.approx(scipy.stats.norm.var(scale=scale))
    assert float(laplace) == pytest.approx(scipy.stats.laplace.var(scale=scale))


@given(df=st.floats(1, 100, exclude_min=True), log_scale=log_scales)
@theorem
def test_student_ts_is_scipys_and_infinite_up_to_two_degrees(df: float, log_scale: float) -> None:
    ours = StudentTLikelihood(one(3.0), one(log_scale), one(df)).variance

    assert float(ours) == pytest.approx(scipy.stats.t.var(df, scale=math.exp(log_scale)))
    assert ours.isinf() == (df <= 2)


@given(logit=st.floats(-100, 100))
@theorem
def test_bernoullis_is_scipys(logit: float) -> None:
    ours = BernoulliLikelihood(one(logit)).variance

    # SciPy is given the smaller of the two probabilities, for its digits.
    expected = scipy.stats.bernoulli.var(1 / (1 + math.exp(abs(logit))))
    assert float(ours) == pytest.approx(expected)


@given(log_rate=log_scales)
@theorem
def test_poissons_is_scipys(log_rate: float) -> None:
    ours = PoissonLikelihood(one(log_rate)).variance

    assert float(ours) == pytest.approx(scipy.stats.poisson.var(math.exp(log_rate)))


@given(log_mean=st.floats(-8, 8), log_dispersion=st.floats(-8, 8))
@theorem
def test_negative_binomials_is_scipys(log_mean: float, log_dispersion: float) -> None:
    ours = NegativeBinomialLikelihood(one(log_mean), one(log_dispersion)).variance

    size = math.exp(-log_dispersion)
    expected = scipy.stats.nbinom.var(size, size / (size + math.exp(log_mean)))
    assert float(ours) == pytest.approx(expected)


@given(log_mean=st.floats(-5, 2), log_dispersion=st.floats(-8, 0), zero_logit=st.floats(-9, 9))
@theorem
def test_an_inflated_laws_is_the_sum_over_its_counts(
    log_mean: float, log_dispersion: float, zero_logit: float
) -> None:
    law = NegativeBinomialLikelihood(one(log_mean), one(log_dispersion), one(zero_logit))
    counts = torch.arange(2_000, dtype=torch.float64)[:, None]

    expected = (law.log_prob(counts).exp() * (counts - law.center).square()).sum()

    assert float(law.variance) == pytest.approx(float(expected), rel=1e-9)


@given(loc=st.floats(-3, 3), log_scale=st.floats(-8, 8), levels=st.integers(2, 300))
@theorem
def test_discretized_logistics_is_the_sum_over_its_levels(
    loc: float, log_scale: float, levels: int
) -> None:
    law = DiscretizedLogisticLikelihood(one(loc), one(log_scale), one(float(levels)))
    values = torch.arange(levels, dtype=torch.float64)[:, None]
    probs = law.log_prob(values).exp()

    nearest = float((probs * values).sum().round())
    square = (probs * (values - nearest).square()).sum()
    expected = square - (probs * (values - nearest)).sum().square()

    assert float(law.variance) == pytest.approx(float(expected), rel=1e-9, abs=1e-300)


@given(logit=st.floats(-100, 100))
@theorem
def test_continuous_bernoullis_is_the_exact_one(logit: float) -> None:
    with mpmath.workdps(60):
        rate = mpmath.mpf(logit if abs(logit) > 1e-12 else 1e-12)
        expected = float(1 / rate**2 - 1 / (4 * mpmath.sinh(rate / 2) ** 2))

    ours = ContinuousBernoulliLikelihood(one(logit)).variance

    assert float(ours) == pytest.approx(expected, rel=1e-12)


def test_categories_have_none() -> None:
    law = CategoricalLikelihood(torch.zeros(4, 2, 3))

    assert law.variance.shape == (4, 2)
    assert law.variance.isnan().all()


def test_a_mixed_laws_columns_have_their_own() -> None:
    gaussian = GaussianLikelihood(torch.zeros(5, 2), torch.tensor([0.0, math.log(3)]))
    law = MixedLikelihood([((2, 0), gaussian), ((1,), PoissonLikelihood(torch.zeros(5, 1)))])

    torch.testing.assert_close(law.variance, torch.tensor([[9.0, 1.0, 1.0]]).expand(5, -1))


@pytest.mark.parametrize("kind", [k for k in KINDS if small_vae(k).head.measure == "density"])
def test_in_other_units_it_grows_by_the_square(kind: str) -> None:
    law = small_vae(kind).likelihood(torch.zeros(2, 3))
    scale = torch.logspace(-2, 2, 6)

    moved = law.affine(torch.ones(6), scale)

    torch.testing.assert_close(moved.variance, scale.square() * law.variance)


@pytest.mark.parametrize("kind", KINDS)
def test_it_has_the_shape_and_the_precision_of_the_center(kind: str) -> None:
    law = small_vae(kind).likelihood(torch.zeros(3, 2, 3))

    assert law.variance.shape == law.center.shape
    assert law.variance.dtype == law.center.dtype
    assert not (law.variance < 0).any()


def one(value: float) -> Tensor:
    return torch.tensor([value], dtype=torch.float64)
