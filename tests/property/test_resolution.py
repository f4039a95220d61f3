"""Fact 9: a density over an interval is a probability, in data units, and says so by its size."""

import math

import pytest
import torch
from torch import Tensor

from model_store.errors import ShapeError
from model_store.vae.estimators import LogLikelihoodEstimate, estimate_log_likelihood
from model_store.vae.model import VAE
from tests.models import KINDS, random_rows, small_vae

DISCRETE = [kind for kind in KINDS if small_vae(kind).head.measure == "probability"]
# A ten-thousandth of a logarithm's unit says nothing of data units.
CONTINUOUS = [
    kind
    for kind in KINDS
    if small_vae(kind).head.measure == "density" and not small_vae(kind).transform.log_columns
]


def estimate(vae: VAE, x: Tensor, resolution: float | tuple[float, ...]) -> LogLikelihoodEstimate:
    return estimate_log_likelihood(vae, x, num_samples=64, seed=0, resolution=resolution)


def narrow(vae: VAE) -> tuple[float, ...]:
    """A ten-thousandth of each feature's unit."""
    return tuple((1e-4 * vae.transform.scale).tolist())


@pytest.mark.parametrize("kind", CONTINUOUS)
def test_a_narrow_interval_has_its_width_times_the_density(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 5)
    # Inside the unit interval, whose ends would cut an interval in two.
    x = x.clamp(0.01, 0.99) if "bernoulli" in kind else x
    density = estimate_log_likelihood(vae, x, num_samples=64, seed=0).log_likelihood

    probability = estimate(vae, x, narrow(vae)).log_likelihood

    widths = torch.tensor(narrow(vae)).double().log().sum()
    torch.testing.assert_close(probability, density + widths, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("resolution", [1e-3, 1.0, 1e6])
def test_it_is_never_above_one(kind: str, resolution: float) -> None:
    answer = estimate(small_vae(kind), random_rows(kind, 5), resolution)

    assert (answer.log_likelihood <= 0).all()
    assert answer.log_likelihood.isfinite().all()


@pytest.mark.parametrize("kind", DISCRETE)
def test_a_discrete_model_has_its_probability_already(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 5)
    plain = estimate_log_likelihood(vae, x, num_samples=64, seed=0).log_likelihood

    torch.testing.assert_close(estimate(vae, x, 0.5).log_likelihood, plain, rtol=1e-5, atol=1e-5)


def test_widths_per_feature_add_up_to_those_of_one_number() -> None:
    vae, x = small_vae("gaussian"), random_rows("gaussian", 3)

    each = estimate(vae, x, (0.5,) * 6).log_likelihood

    torch.testing.assert_close(each, estimate(vae, x, 0.5).log_likelihood)


def test_a_wrong_number_of_widths_is_refused() -> None:
    with pytest.raises(ShapeError, match="resolution has 2 numbers; this model takes one, or 6"):
        estimate(small_vae("gaussian"), random_rows("gaussian", 3), (1.0, 2.0))


def test_a_gap_has_no_interval() -> None:
    vae, x = small_vae("gaussian"), random_rows("gaussian", 3)
    x[0] = math.nan

    assert float(estimate(vae, x, 1.0).log_likelihood[0]) == 0
