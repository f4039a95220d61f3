"""The continuous Bernoulli: a truncated exponential law, exact at logit 0 and far in the tails."""

import math

import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model_store.vae.likelihoods import ContinuousBernoulliHead, ContinuousBernoulliLikelihood
from model_store.vae.noise import Noise

theorem = settings(deadline=None)
logits = st.floats(-100, 100)
NODES = torch.linspace(0, 1, 40_001, dtype=torch.float64)[:, None]


@given(logits)
@theorem
def test_it_integrates_to_one_and_its_mean_is_its_center(logit: float) -> None:
    law = ContinuousBernoulliLikelihood(one(logit))

    density = law.log_prob(NODES).exp()

    assert float(simpson(density)) == pytest.approx(1, abs=1e-9)
    assert float(simpson(NODES * density)) == pytest.approx(float(law.center), abs=1e-9)


@given(logits)
@theorem
def test_in_float32_it_integrates_to_one_too(logit: float) -> None:
    law = ContinuousBernoulliLikelihood(one(logit).float())

    density = law.log_prob(NODES.float()).double().exp()

    assert float(simpson(density)) == pytest.approx(1, abs=1e-5)


@given(x=st.floats(0, 1), logit=logits.filter(lambda logit: abs(logit) > 1e-3))
@theorem
def test_it_is_scipys_truncated_exponential(x: float, logit: float) -> None:
    law = ContinuousBernoulliLikelihood(one(logit))
    size, from_likelier_end = abs(logit), x if logit < 0 else 1 - x
    falls = scipy.stats.truncexpon(size)
    t = min(size * from_likelier_end, size)

    log_prob, cdf = law.log_prob(one(x)), law.cdf(one(x))

    assert float(log_prob) == pytest.approx(falls.logpdf(t) + math.log(size), abs=1e-9)
    expected = falls.cdf(t) if logit < 0 else 1 - falls.cdf(t)
    assert float(cdf) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("logit", [-100.0, 100.0])
def test_the_constant_is_log_l_over_tanh_half_l_far_out(logit: float) -> None:
    law = ContinuousBernoulliLikelihood(one(logit))
    constant = math.log(logit / math.tanh(logit / 2))

    at_likelier_end = law.log_prob(one(float(logit > 0)))

    assert float(at_likelier_end) == pytest.approx(constant, abs=1e-12)


def test_at_logit_zero_it_is_uniform() -> None:
    law = ContinuousBernoulliLikelihood(one(0.0))
    x = torch.tensor([[0.0], [0.3], [1.0]], dtype=torch.float64)

    assert law.log_prob(x).abs().max() == 0
    assert float(law.center) == 0.5
    torch.testing.assert_close(law.cdf(x), x)
    torch.testing.assert_close(law.sample(x), x)


@given(st.floats(-2, 2))
@theorem
def test_the_gradient_is_x_less_the_mean_also_near_zero(logit: float) -> None:
    parameter = one(logit).requires_grad_()

    ContinuousBernoulliLikelihood(parameter).log_prob(one(0.75)).sum().backward()

    mean = ContinuousBernoulliLikelihood(one(logit)).center
    assert parameter.grad is not None
    assert float(parameter.grad) == pytest.approx(0.75 - float(mean), abs=1e-9)


@given(logit=logits, uniform=st.floats(1e-12, 1 - 1e-12))
@theorem
def test_sampling_inverts_the_cdf(logit: float, uniform: float) -> None:
    law = ContinuousBernoulliLikelihood(one(logit))

    assert float(law.cdf(law.sample(one(uniform)))) == pytest.approx(uniform, abs=1e-12)


def test_samples_have_its_mean() -> None:
    law = ContinuousBernoulliLikelihood(torch.tensor([[-30.0, -0.2, 0.0, 4.0, 100.0]]))

    draws = law.sample(Noise(0).uniform(0, 40_000, 5))

    torch.testing.assert_close(draws.mean(0), law.center[0], atol=0.006, rtol=0)


def test_on_another_interval_it_loses_the_log_of_the_width() -> None:
    law = ContinuousBernoulliLikelihood(torch.tensor([[-3.0, 7.0]]))
    low, width = torch.tensor([10.0, 0.0]), torch.tensor([4.0, 255.0])
    x = torch.tensor([[0.2, 0.9]])

    moved = law.affine(low, width)

    torch.testing.assert_close(moved.log_prob(low + width * x), law.log_prob(x) - width.log())
    torch.testing.assert_close(moved.cdf(low + width * x), law.cdf(x))
    torch.testing.assert_close(moved.center, low + width * law.center)


@pytest.mark.parametrize("mean", [0.02, 0.3, 0.5, 0.97])
def test_it_starts_at_the_mean_of_the_data(mean: float) -> None:
    head = ContinuousBernoulliHead(1)
    y = torch.tensor([[mean - 0.01], [mean + 0.01]])

    law = head(head.initial_outputs(y)[None])

    assert float(law.center) == pytest.approx(mean, abs=1e-5)


def test_features_that_are_always_at_an_end_stay_bounded_and_are_named() -> None:
    head = ContinuousBernoulliHead(3)

    law = head(torch.tensor([[-1e4, 1e4, 40.0]] * 2))

    assert law.logits.abs().max() <= 100
    assert head.at_floor(law).tolist() == [True, True, False]


def simpson(values: Tensor) -> Tensor:
    """The integral over [0, 1] of values at an odd number of equidistant nodes."""
    weights = torch.full_like(values, 2.0)
    weights[1::2] = 4
    weights[0] = weights[-1] = 1
    return (weights * values).sum(0) / (3 * (values.shape[0] - 1))


def one(value: float) -> Tensor:
    return torch.tensor([value], dtype=torch.float64)
