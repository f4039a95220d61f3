"""The negative binomial: SciPy's, summing to one, and Poisson's where nothing is dispersed."""

import math

import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model_store.vae.likelihoods import (
    NegativeBinomialHead,
    NegativeBinomialLikelihood,
    PoissonLikelihood,
)
from model_store.vae.noise import Noise

theorem = settings(deadline=None)
log_means = st.floats(-20, 8)
log_dispersions = st.floats(-20, 10)


# Not further down: SciPy is given p alone, and has lost 1 - p.
@given(count=st.integers(0, 10_000), log_mean=st.floats(-8, 8), log_dispersion=st.floats(-8, 10))
@theorem
def test_log_prob_and_cdf_are_scipys(count: int, log_mean: float, log_dispersion: float) -> None:
    law = NegativeBinomialLikelihood(one(log_mean), one(log_dispersion))
    size = math.exp(-log_dispersion)
    scipys = scipy.stats.nbinom(size, size / (size + math.exp(log_mean)))

    log_prob, cdf = law.log_prob(one(count)), law.cdf(one(count + 0.3))

    assert float(log_prob) == pytest.approx(scipys.logpmf(count), rel=1e-7, abs=1e-6)
    assert float(cdf) == pytest.approx(scipys.cdf(count), abs=1e-9)


@given(log_mean=log_means, log_dispersion=log_dispersions)
@settings(deadline=None, max_examples=40)
def test_probabilities_add_up_to_the_cdf_and_that_to_one(
    log_mean: float, log_dispersion: float
) -> None:
    law = NegativeBinomialLikelihood(one(log_mean), one(log_dispersion))
    counts = torch.arange(50_000, dtype=torch.float64)[:, None]

    mass = law.log_prob(counts).exp().sum()

    assert float(mass) == pytest.approx(float(law.cdf(counts[-1])), abs=1e-9)
    assert float(law.cdf(one(1e15))) == pytest.approx(1, abs=1e-12)


@given(count=st.integers(0, 3_000), log_mean=log_means)
@theorem
def test_without_dispersion_it_is_poissons(count: int, log_mean: float) -> None:
    undispersed = NegativeBinomialLikelihood(one(log_mean), one(-20.0))
    poisson = PoissonLikelihood(one(log_mean))

    difference = undispersed.log_prob(one(count)) - poisson.log_prob(one(count))

    # The first term of the expansion in the dispersion a: a ((k - m)^2 - k) / 2.
    first = math.exp(-20) * ((count - math.exp(log_mean)) ** 2 - count) / 2
    assert float(difference) == pytest.approx(first, abs=1e-6, rel=1e-3)


@pytest.mark.parametrize("log_mean", [15.0, 20.0])
def test_large_counts_keep_their_digits(log_mean: float) -> None:
    """The normal law of the same moments, which at this size differs by less than 1e-4 nats."""
    law = NegativeBinomialLikelihood(one(log_mean), one(-20.0))
    mean = math.exp(log_mean)
    deviation = math.sqrt(mean + mean**2 * math.exp(-20))
    count = round(mean + 0.5 * deviation)

    ours = law.log_prob(one(count))

    expected = scipy.stats.norm.logpdf(count, mean, deviation)
    assert float(ours) == pytest.approx(expected, abs=5e-4)


@given(
    log_mean=st.floats(-5, 7), log_dispersion=st.floats(-20, 5), uniform=st.floats(0, 1 - 2**-53)
)
@settings(deadline=None, max_examples=30)
def test_a_sample_is_the_smallest_count_that_is_enough(
    log_mean: float, log_dispersion: float, uniform: float
) -> None:
    law = NegativeBinomialLikelihood(one(log_mean), one(log_dispersion))

    draw = law.sample(one(uniform))

    assert float(law.cdf(draw)) >= uniform
    assert draw == 0 or float(law.cdf(draw - 1)) < uniform


def test_inflated_zeros_come_on_top() -> None:
    plain = NegativeBinomialLikelihood(one(1.0), one(0.3))
    inflated = NegativeBinomialLikelihood(one(1.0), one(0.3), one(math.log(0.25 / 0.75)))
    counts = torch.arange(5, dtype=torch.float64)[:, None]
    is_zero = (counts == 0).double()

    probabilities = inflated.log_prob(counts).exp()

    torch.testing.assert_close(probabilities, 0.25 * is_zero + 0.75 * plain.log_prob(counts).exp())
    torch.testing.assert_close(inflated.cdf(counts), 0.25 + 0.75 * plain.cdf(counts))
    torch.testing.assert_close(inflated.center, 0.75 * plain.center)


@pytest.mark.parametrize("zero_logits", [None, torch.tensor([[-1.0, 2.0]])])
def test_samples_come_as_often_as_they_should(zero_logits: Tensor | None) -> None:
    law = NegativeBinomialLikelihood(
        torch.tensor([[1.0, 0.5]]), torch.tensor([0.3, -2.0]), zero_logits
    )
    counts = torch.arange(6.0)[:, None].expand(-1, 2)

    draws = law.sample(Noise(0).uniform(0, 20_000, 2))

    seen = torch.stack([(draws == k).double().mean(0) for k in range(6)])
    torch.testing.assert_close(seen, law.log_prob(counts).exp(), atol=0.015, rtol=0)


def test_gradients_are_finite_over_the_whole_range_and_reach_every_parameter() -> None:
    head = NegativeBinomialHead(4, zero_inflation=True)
    head.log_dispersion.data.copy_(torch.tensor([-19.0, 9.0, 0.0, -3.0]))
    outputs = torch.tensor([[-19.0, 0.0, 5.0, 19.0, -9.0, 0.0, 3.0, 9.0]] * 2).requires_grad_()

    head(outputs).log_prob(torch.tensor([[0.0, 1, 30, 1e6], [5, 0, 0, 0]])).sum().backward()

    assert outputs.grad is not None
    assert head.log_dispersion.grad is not None
    assert outputs.grad.isfinite().all()
    assert head.log_dispersion.grad.isfinite().all()
    assert (head.log_dispersion.grad[2:] != 0).all()


def test_inflated_it_starts_at_the_mean_and_the_zeros_of_the_data() -> None:
    head = NegativeBinomialHead(1, zero_inflation=True)
    y = torch.tensor([[0.0]] * 60 + [[5.0]] * 40)

    law = head(head.initial_outputs(y)[None])

    assert float(law.center) == pytest.approx(2, abs=0.01)
    assert float(law.zero_logits.sigmoid()) == pytest.approx((0.6 - 1 / 3) / (2 / 3), abs=0.01)


def one(value: float) -> Tensor:
    return torch.tensor([value], dtype=torch.float64)
