"""What `reliable` catches, what it does not, and what the standard error then covers."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from model_store.vae.diagnostics import pareto_k, reliable
from model_store.vae.estimators import LogLikelihoodEstimate, estimate_log_likelihood
from model_store.vae.model import VAE
from tests.linear_gaussian import LinearGaussian, random_linear_gaussian

ROWS = 1_000
Proposal = Callable[[Tensor], Tensor]


def narrow(k: float) -> Proposal:
    """Log weights of q = N(0, (1 - k) I) for a posterior N(0, I), from q's standard noise."""
    return lambda noise: 0.5 * k * noise.square().sum(-1)


def shifted(distance: float) -> Proposal:
    """Log weights of q = N(0, I) for a posterior N(0, I) that far away."""
    return lambda noise: distance * noise[..., 0]


# Wrong where no number of draws in reach helps: their intervals miss log p(x) more often than not.
BAD = [
    (narrow(0.95), 8, 256),
    (narrow(0.95), 16, 256),
    (shifted(3.5), 1, 256),
    (shifted(5), 4, 256),
    (narrow(0.95), 4, 1_000),
    (narrow(0.9), 8, 1_000),
    (shifted(3.5), 2, 1_000),
]
# Right, or wrong by what a few hundred draws make good.
GOOD = [
    (narrow(-1), 1, 256),
    (narrow(-0.5), 8, 256),
    (narrow(0.1), 1, 256),
    (narrow(0.2), 1, 256),
    (narrow(0.2), 8, 256),
    (narrow(0.1), 16, 256),
    (shifted(0.3), 1, 256),
    (shifted(0.8), 4, 256),
    (narrow(0.3), 1, 1_000),
    (narrow(0.3), 4, 1_000),
    (shifted(1), 1, 1_000),
]


def share_reliable(proposal: Proposal, latents: int, samples: int) -> float:
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(samples, ROWS, latents, generator=generator, dtype=torch.float64)
    return float(reliable(pareto_k(proposal(noise))).double().mean())


@pytest.mark.parametrize(("proposal", "latents", "samples"), BAD)
def test_bad_proposals_are_caught(proposal: Proposal, latents: int, samples: int) -> None:
    assert share_reliable(proposal, latents, samples) <= 0.05


@pytest.mark.parametrize(("proposal", "latents", "samples"), GOOD)
def test_good_proposals_raise_no_alarm(proposal: Proposal, latents: int, samples: int) -> None:
    assert share_reliable(proposal, latents, samples) >= 0.99


def test_an_encoder_that_is_far_off_is_caught_and_a_good_one_is_not() -> None:
    model = random_linear_gaussian(50, 8, 3, orthogonal=True)
    good, bad = model.vae(), model.vae()
    with torch.no_grad():
        bad.encoder.output.bias[8:] -= 3  # standard deviations of a fifth
    x = model.sample(1)

    caught = [not e.reliable.all() for e in over_seeds(bad, x, seeds=range(100), num_samples=256)]
    alarms = [not e.reliable.all() for e in over_seeds(good, x, seeds=range(100), num_samples=256)]

    assert sum(caught) >= 95
    assert sum(alarms) == 0


# Near 0.5 it would be fewer: a sample that misses the tail has a small k and a small error at once.
# docs/statistics.md has the numbers.
def test_two_standard_errors_cover_log_p_19_times_in_20() -> None:
    models = [random_linear_gaussian(40, 3, seed) for seed in range(5)]
    assert max(model.tail_index() for model in models) < 0.4

    seeds = [range(400 * i, 400 * (i + 1)) for i in range(5)]
    covered = torch.cat(list(map(covered_where_k_is_small, models, seeds)))

    assert len(covered) > 1_800
    assert 0.93 <= float(covered.double().mean()) <= 0.97


def covered_where_k_is_small(model: LinearGaussian, seeds: range) -> Tensor:
    """Whether log p(x) lies within two standard errors, where the fitted k is below 0.5."""
    x = model.sample(1)
    estimates = over_seeds(model.vae(), x, seeds=seeds, num_samples=1_000)
    errors = torch.cat([e.log_likelihood for e in estimates]) - model.log_prob(x)
    covered = errors.abs() <= 1.96 * torch.cat([standard_error(e) for e in estimates])
    return covered[torch.cat([e.pareto_k for e in estimates]) < 0.5]


def over_seeds(
    vae: VAE, x: Tensor, *, seeds: range, num_samples: int
) -> list[LogLikelihoodEstimate]:
    """Independent estimates: all rows of one request share their noise."""
    return [estimate_log_likelihood(vae, x, num_samples=num_samples, seed=seed) for seed in seeds]


def standard_error(estimate: LogLikelihoodEstimate) -> Tensor:
    assert estimate.standard_error is not None
    return estimate.standard_error
