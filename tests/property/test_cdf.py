"""P(X <= x) of every likelihood, against SciPy and against its own log_prob and sample."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model_store.vae.likelihoods import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    DiscretizedLogisticLikelihood,
    GaussianLikelihood,
    LaplaceLikelihood,
    Measure,
    PoissonLikelihood,
)
from tests.models import KINDS, random_rows, small_vae

theorem = settings(deadline=None)
reals = st.floats(-50, 50)
log_scales = st.floats(-5, 5)
numbers = st.floats(-3, 300)


@given(x=reals, loc=reals, log_scale=log_scales)
@theorem
@pytest.mark.parametrize(
    ("law", "scipys"),
    [(GaussianLikelihood, scipy.stats.norm), (LaplaceLikelihood, scipy.stats.laplace)],
)
def test_location_and_scale_laws_are_scipys(
    law: type, scipys: scipy.stats.rv_continuous, x: float, loc: float, log_scale: float
) -> None:
    ours = law(one(loc), one(log_scale)).cdf(one(x))

    expected = scipys.cdf(x, loc=loc, scale=math.exp(log_scale))

    assert float(ours) == pytest.approx(expected, rel=1e-10, abs=1e-300)


@given(x=numbers, logit=st.floats(-30, 30))
@theorem
def test_bernoullis_is_scipys(x: float, logit: float) -> None:
    ours = BernoulliLikelihood(one(logit)).cdf(one(x))

    expected = scipy.stats.bernoulli.cdf(x, 1 / (1 + math.exp(-logit)))

    assert float(ours) == pytest.approx(expected, abs=1e-12)


@given(x=numbers, log_rate=st.floats(-20, 20))
@theorem
def test_poissons_is_scipys(x: float, log_rate: float) -> None:
    ours = PoissonLikelihood(one(log_rate)).cdf(one(x))

    expected = scipy.stats.poisson.cdf(x, math.exp(log_rate))

    assert float(ours) == pytest.approx(expected, abs=1e-9)  # torch's gammaincc has no more


@given(x=numbers, loc=reals, log_scale=log_scales, levels=st.integers(2, 300))
@theorem
def test_discretized_logistics_is_scipys(
    x: float, loc: float, log_scale: float, levels: int
) -> None:
    law = DiscretizedLogisticLikelihood(one(loc), one(log_scale), one(float(levels)))
    edge = (2 * math.floor(x) + 1) / (levels - 1) - 1

    ours = law.cdf(one(x))

    inside = scipy.stats.logistic.cdf(edge, loc=loc, scale=math.exp(log_scale))
    expected = 0 if x < 0 else inside if x < levels - 1 else 1
    assert float(ours) == pytest.approx(expected, abs=1e-12)


@given(x=numbers, logits=st.lists(st.floats(-30, 30), min_size=2, max_size=9))
@theorem
def test_categoricals_adds_up_its_codes(x: float, logits: list[float]) -> None:
    law = CategoricalLikelihood(torch.tensor([logits], dtype=torch.float64))

    ours = law.cdf(one(x))

    reached = np.arange(len(logits)) <= math.floor(x)
    expected = scipy.special.softmax(logits)[reached].sum()
    assert float(ours) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_it_rises_from_zero_to_one_along_every_feature(kind: str) -> None:
    vae = small_vae(kind)
    law = vae.data_likelihood(torch.randn(4, 3, generator=torch.Generator().manual_seed(0)))
    values = torch.linspace(-5, 300, 40).double()[:, None, None].expand(-1, 4, 6)

    cdf = law.cdf(values)

    assert cdf.dtype == torch.float64
    assert ((cdf >= 0) & (cdf <= 1)).all()
    assert (cdf.diff(dim=0) >= -1e-12).all()
    assert (law.cdf(torch.full((4, 6), 1e30).double()) > 1 - 1e-6).all()
    assert (law.cdf(torch.full((4, 6), -1e30).double()) < 1e-6).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_is_the_quantile_of_its_uniform(kind: str) -> None:
    vae = small_vae(kind)
    law = vae.likelihood(torch.randn(200, 3, generator=torch.Generator().manual_seed(0)))
    uniforms = torch.rand(200, 6, generator=torch.Generator().manual_seed(1)).double()

    draws = law.sample(uniforms).double()

    is_density = density_features(kind)
    exact = law.cdf(draws)
    torch.testing.assert_close(exact[:, is_density], uniforms[:, is_density], atol=1e-5, rtol=0)
    discrete = (uniforms <= exact + 1e-6) & (uniforms >= law.cdf(draws - 1) - 1e-6)
    assert discrete[:, ~is_density].all()


def test_discrete_laws_step_by_their_probabilities() -> None:
    for kind in KINDS:
        vae, x = small_vae(kind), random_rows(kind, 5).flatten(1)
        if vae.head.measure != Measure.PROBABILITY:
            continue
        law = vae.likelihood(torch.zeros(5, 3))

        steps = law.cdf(x) - law.cdf(x - 1)

        torch.testing.assert_close(steps.log(), law.log_prob(x).double(), atol=1e-4, rtol=1e-4)


def density_features(kind: str) -> Tensor:
    if kind.startswith("mixed"):
        return torch.tensor([True, False, False, False, True, False])
    return torch.full((6,), small_vae(kind).head.measure == Measure.DENSITY)


def one(value: float) -> Tensor:
    return torch.tensor([value], dtype=torch.float64)
