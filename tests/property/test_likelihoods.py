"""Facts 6, 8, 10, 11: every likelihood is normalised, in the user's units, constants and all."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.vae.bounds import bits_per_dim
from model_store.vae.likelihoods import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    DiscretizedLogisticLikelihood,
    GaussianLikelihood,
    Likelihood,
    PoissonLikelihood,
)
from model_store.vae.noise import Noise

theorem = settings(deadline=None)
logits = st.floats(-100, 100, width=32)


@given(logits)
@theorem
def test_bernoulli_sums_to_one(logit: float) -> None:
    likelihood = BernoulliLikelihood(torch.tensor([logit]))

    mass = likelihood.log_prob(torch.tensor([[0.0], [1.0]])).double().exp().sum()

    assert float(mass) == pytest.approx(1, abs=1e-6)


@given(st.lists(logits, min_size=2, max_size=9))
@theorem
def test_categorical_sums_to_one(values: list[float]) -> None:
    likelihood = CategoricalLikelihood(torch.tensor([values]))

    mass = likelihood.log_prob(torch.arange(len(values)).float()[:, None]).double().exp().sum()

    assert float(mass) == pytest.approx(1, abs=1e-5)


@given(
    loc=st.floats(-1e3, 1e3, width=32),
    log_scale=st.floats(-8, 8, width=32),
    levels=st.integers(2, 300),
)
@theorem
def test_discretized_logistic_sums_to_one(loc: float, log_scale: float, levels: int) -> None:
    likelihood = discretized_logistic(loc, log_scale, levels)

    mass = likelihood.log_prob(torch.arange(levels).float()[:, None]).double().exp().sum()

    assert float(mass) == pytest.approx(1, abs=1e-4)


@given(st.floats(-10, 8, width=32))
@theorem
def test_poisson_sums_to_one(log_rate: float) -> None:
    likelihood = PoissonLikelihood(torch.tensor([log_rate]))

    mass = likelihood.log_prob(torch.arange(6_000).double()[:, None]).exp().sum()

    assert float(mass) == pytest.approx(1, abs=1e-5)


@given(loc=st.floats(-5, 5), log_scale=st.floats(-3, 3))
@theorem
def test_gaussian_integrates_to_one(loc: float, log_scale: float) -> None:
    likelihood = GaussianLikelihood(
        torch.tensor([loc]).double(), torch.tensor([log_scale]).double()
    )
    grid = torch.linspace(loc - 12 * math.exp(log_scale), loc + 12 * math.exp(log_scale), 4_001)

    mass = torch.trapezoid(likelihood.log_prob(grid.double()[:, None]).exp()[:, 0], grid.double())

    assert float(mass) == pytest.approx(1, abs=1e-5)


@given(
    loc=st.floats(-2, 2, width=32),
    log_scale=st.floats(-3, 2, width=32),
    levels=st.integers(2, 40),
)
@theorem
def test_discretized_logistic_is_scipys_logistic_by_differences(
    loc: float, log_scale: float, levels: int
) -> None:
    edges = np.concatenate([[-np.inf], (2 * np.arange(1, levels) - 1) / (levels - 1) - 1, [np.inf]])
    expected = np.diff(scipy.stats.logistic.cdf(edges, loc=loc, scale=math.exp(log_scale)))

    ours = discretized_logistic(loc, log_scale, levels)
    probabilities = ours.log_prob(torch.arange(levels).float()[:, None])[:, 0].double().exp()

    np.testing.assert_allclose(probabilities.numpy(), expected, atol=1e-5)
    assert float(ours.center) == pytest.approx(expected @ np.arange(levels), abs=1e-3)


@given(count=st.integers(0, 2_000), log_rate=st.floats(-10, 8, width=32))
@theorem
def test_poisson_is_scipys(count: int, log_rate: float) -> None:
    ours = PoissonLikelihood(torch.tensor([log_rate])).log_prob(torch.tensor([float(count)]))

    expected = scipy.stats.poisson.logpmf(count, math.exp(log_rate))

    assert float(ours) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_gaussian_of_unit_scale_is_half_the_squared_error_and_a_constant() -> None:
    x, loc = torch.randn(5, 7), torch.randn(5, 7)

    log_prob = GaussianLikelihood(loc, torch.zeros(7)).log_prob(x).sum(1)

    squared_error = (x - loc).square().sum(1)
    torch.testing.assert_close(log_prob, -squared_error / 2 - 3.5 * math.log(2 * math.pi))


def test_gaussian_likelihood_is_largest_at_the_mean_squared_error() -> None:
    x = torch.randn(50).double()
    scales = torch.linspace(0.2, 3, 2_000).double()

    likelihood = GaussianLikelihood(
        torch.zeros(2_000, 50).double(), scales.log()[:, None].expand(-1, 50)
    )
    best = scales[likelihood.log_prob(x.expand(2_000, -1)).sum(1).argmax()]

    assert float(best.square()) == pytest.approx(float(x.square().mean()), rel=0.01)


def test_rescaled_gaussian_gains_the_log_of_the_scale() -> None:
    likelihood = GaussianLikelihood(torch.randn(3, 4).double(), torch.randn(4).double())
    y = torch.randn(3, 4).double()
    shift, scale = torch.tensor([1.0, -2, 0, 1e6]).double(), torch.tensor([1e3, 1, 0.1, 7]).double()

    rescaled = likelihood.affine(shift, scale).log_prob(shift + scale * y)

    torch.testing.assert_close(rescaled, likelihood.log_prob(y) - scale.log())


def test_bits_per_dim_of_the_uniform_law_on_256_levels_is_eight() -> None:
    log_prob = CategoricalLikelihood(torch.zeros(64, 256)).log_prob(torch.arange(64.0))

    assert float(bits_per_dim(log_prob.sum(), torch.tensor(64))) == pytest.approx(8)


def test_bits_per_dim_of_a_density_on_the_unit_interval_lacks_the_bits_of_a_level() -> None:
    """A uniform density on [0, 1] has 0 bits; with log2 256 for the cell it is the uniform 8."""
    assert float(bits_per_dim(torch.tensor(0.0), torch.tensor(10))) + math.log2(256) == 8


@pytest.mark.parametrize(
    "likelihood",
    [
        BernoulliLikelihood(torch.tensor([[0.3, -1.2, 4.0]])),
        CategoricalLikelihood(torch.tensor([[[0.3, -1.2, 0.5], [2.0, 0.0, 1.0]]])),
        DiscretizedLogisticLikelihood(
            torch.tensor([[0.3, -0.9]]), torch.tensor([-1.0, 0.5]), torch.tensor([17.0, 17.0])
        ),
        PoissonLikelihood(torch.tensor([[0.3, 3.0, -4.0]])),
    ],
    ids=lambda likelihood: type(likelihood).__name__,
)
def test_samples_come_as_often_as_they_should(likelihood: Likelihood) -> None:
    levels = torch.arange(60.0)[:, None]
    uniforms = Noise(0).uniform(0, 40_000, likelihood.center.shape[-1])

    draws = likelihood.sample(uniforms)

    top = int(draws.max()) + 1
    expected = likelihood.log_prob(levels[:top].expand(-1, draws.shape[-1])).double().exp()
    seen = torch.stack([(draws == k).double().mean(0) for k in range(top)])
    torch.testing.assert_close(seen, expected, atol=0.012, rtol=0)


def test_gaussian_samples_have_its_mean_and_scale() -> None:
    likelihood = GaussianLikelihood(torch.tensor([[0.3, -2.0]]), torch.tensor([0.0, 1.0]))

    draws = likelihood.sample(Noise(0).uniform(0, 40_000, 2))

    torch.testing.assert_close(draws.mean(0), likelihood.loc[0], atol=0.06, rtol=0)
    torch.testing.assert_close(draws.std(0), likelihood.scale, atol=0.05, rtol=0)


def discretized_logistic(
    loc: float, log_scale: float, levels: int
) -> DiscretizedLogisticLikelihood:
    return DiscretizedLogisticLikelihood(
        torch.tensor([[loc]]), torch.tensor([log_scale]), torch.tensor([float(levels)])
    )
