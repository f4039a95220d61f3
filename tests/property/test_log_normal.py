"""Fact 8: a Gaussian of log(x + offset), in the units of x, against SciPy and quadrature."""

import itertools
import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model_store.vae.likelihoods import (
    BernoulliLikelihood,
    GaussianLikelihood,
    LaplaceLikelihood,
    LogNormalLikelihood,
    MixedLikelihood,
    with_log_columns,
)

theorem = settings(deadline=None)
locs, scales, offsets = st.floats(-20, 20), st.floats(0.01, 3), st.sampled_from([0.0, 1.0, 1e-3])


def law(loc: float, scale: float, offset: float) -> LogNormalLikelihood:
    return LogNormalLikelihood(
        GaussianLikelihood(one(loc), one(scale).log()), torch.tensor([offset], dtype=torch.float64)
    )


def one(value: float) -> Tensor:
    return torch.tensor([[value]], dtype=torch.float64)


def scipys(loc: float, scale: float, offset: float) -> scipy.stats.rv_continuous:
    return scipy.stats.lognorm(scale, loc=-offset, scale=math.exp(loc))


@given(loc=locs, scale=scales, offset=offsets, quantile=st.floats(1e-6, 1 - 1e-6))
@theorem
def test_it_is_scipys_lognorm(loc: float, scale: float, offset: float, quantile: float) -> None:
    ours, theirs = law(loc, scale, offset), scipys(loc, scale, 0)
    x = theirs.ppf(quantile)
    size = abs(loc) + 1

    at = one(x - offset)

    lost = 1e-12 * size + 4e-16 * offset / x  # to the subtraction of the offset
    assert float(ours.cdf(at)) == pytest.approx(theirs.cdf(x), abs=lost / scale)
    assert float(ours.log_prob(at)) == pytest.approx(
        theirs.logpdf(x), abs=20 * lost * (1 + 1 / scale)
    )


@given(loc=locs, scale=scales, offset=offsets)
@theorem
def test_its_moments_are_exact(loc: float, scale: float, offset: float) -> None:
    ours, theirs = law(loc, scale, offset), scipys(loc, scale, offset)

    assert float(ours.center) == pytest.approx(theirs.mean(), rel=1e-9, abs=1e-15)
    assert float(ours.variance) == pytest.approx(theirs.var(), rel=1e-9)


@pytest.mark.parametrize("scale", [0.01, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_it_integrates_to_one_in_data_units(scale: float, offset: float) -> None:
    ours = law(0.7, scale, offset)
    edges = scipys(0.7, scale, offset).ppf([1e-9, 1e-3, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999, 1 - 1e-9])

    def density(x: float) -> float:
        return float(ours.log_prob(one(x)).exp())

    mass = sum(scipy.integrate.quad(density, a, b)[0] for a, b in itertools.pairwise(edges))

    assert mass == pytest.approx(1, abs=1e-6)


def test_below_the_support_nothing_lies() -> None:
    ours = law(0.0, 1.0, 1.0)

    assert float(ours.cdf(one(-1.0))) == 0
    assert float(ours.cdf(one(-7.0))) == 0
    assert float(ours.interval_log_prob(one(0), one(-5.0), one(-1.0))) == -math.inf


def test_the_mass_of_an_interval_is_the_difference_of_the_cdf() -> None:
    ours = law(0.4, 0.8, 0.0)
    ends = torch.tensor([[-1.0], [0.0], [0.3], [1.0], [4.0], [math.inf]]).double()

    masses = ours.interval_log_prob(ends[1:], ends[:-1], ends[1:]).exp()

    torch.testing.assert_close(masses, ours.cdf(ends).diff(dim=0), atol=1e-12, rtol=1e-9)


def test_samples_are_quantiles() -> None:
    uniforms = torch.linspace(0.01, 0.99, 99).double()[:, None]
    ours = law(0.4, 0.8, 1.0)

    torch.testing.assert_close(ours.cdf(ours.sample(uniforms)), uniforms)


def test_its_law_in_another_unit_gains_the_log_of_the_scale() -> None:
    ours, x = law(0.4, 0.8, 1.0), one(3.7)
    shift, scale = torch.tensor([5.0]).double(), torch.tensor([0.01]).double()

    rescaled = ours.affine(shift, scale)

    torch.testing.assert_close(rescaled.log_prob(shift + scale * x), ours.log_prob(x) - scale.log())
    torch.testing.assert_close(rescaled.center, shift + scale * ours.center)


def test_columns_of_logarithms_stand_beside_the_others() -> None:
    gaussian = GaussianLikelihood(torch.randn(5, 3).double(), torch.zeros(3).double())
    x = torch.rand(5, 3).double()

    mixed = with_log_columns(gaussian, [1], torch.zeros(3).double())

    as_they_were = gaussian.log_prob(x)
    torch.testing.assert_close(mixed.log_prob(x)[:, [0, 2]], as_they_were[:, [0, 2]])
    expected = scipy.stats.lognorm(1, scale=gaussian.loc[:, 1].exp().numpy()).logpdf(
        x[:, 1].numpy()
    )
    np.testing.assert_allclose(mixed.log_prob(x)[:, 1].numpy(), expected)
    assert mixed.parameters().keys() == {
        *("0.loc", "0.scale", "2.loc", "2.scale"),
        *("1.loc_of_log", "1.scale_of_log"),
    }


def test_without_columns_of_logarithms_a_law_stays_itself() -> None:
    gaussian = GaussianLikelihood(torch.zeros(1, 2), torch.zeros(2))

    assert with_log_columns(gaussian, [], torch.zeros(2)) is gaussian


def test_columns_of_a_mixed_table_keep_their_places() -> None:
    gaussian = GaussianLikelihood(torch.zeros(1, 2).double(), torch.zeros(2).double())
    table = MixedLikelihood([((2, 0), gaussian), ((1,), BernoulliLikelihood(torch.zeros(1, 1)))])

    centers = with_log_columns(table, [2], torch.zeros(3).double()).center

    torch.testing.assert_close(centers[0].double(), torch.tensor([0, 0.5, math.exp(0.5)]).double())


def test_logarithms_under_heavier_tails_are_refused() -> None:
    laplace = LaplaceLikelihood(torch.zeros(1, 1), torch.zeros(1))

    with pytest.raises(TypeError, match="Only a Gaussian of logarithms has a mean"):
        with_log_columns(laplace, [0], torch.zeros(1))
