"""Facts 1-4 and 15: against the linear Gaussian model, where everything is known."""

import math

import pytest
import torch
from torch import Tensor

from model_store.schema import PosteriorName
from model_store.vae.bounds import importance_weighted_bound
from model_store.vae.estimators import estimate_elbo, estimate_log_likelihood
from model_store.vae.model import VAE
from model_store.vae.noise import Noise
from tests.linear_gaussian import LinearGaussian, random_linear_gaussian

CASES = [(2, 1, 0), (7, 3, 1), (20, 4, 2), (50, 8, 3)]


@pytest.mark.parametrize(("num_features", "latents", "seed"), CASES)
def test_log_likelihood_approaches_the_closed_form(
    num_features: int, latents: int, seed: int
) -> None:
    model = random_linear_gaussian(num_features, latents, seed)
    x = model.sample(100)

    estimate = estimate_log_likelihood(model.vae(), x, num_samples=2_000, seed=seed)

    # 1e-5 nats are float32's: with one latent the diagonal posterior is exact.
    assert estimate.standard_error is not None
    error = (estimate.log_likelihood - model.log_prob(x)).abs()
    assert (error < 4 * estimate.standard_error + 1e-5).all()


@pytest.mark.parametrize("posterior", ["diagonal", "full"])
@pytest.mark.parametrize("num_samples", [1, 2, 300])
@pytest.mark.parametrize(("num_features", "latents", "seed"), CASES)
def test_with_the_exact_posterior_every_estimate_is_exact(
    num_features: int,
    latents: int,
    seed: int,
    num_samples: int,
    posterior: PosteriorName,
) -> None:
    """A diagonal one is exact where the columns of W are orthogonal, a full one for every W."""
    orthogonal = posterior == "diagonal"
    model = random_linear_gaussian(num_features, latents, seed, orthogonal=orthogonal)
    vae, x = model.vae(posterior=posterior), model.sample(50)

    elbo = estimate_elbo(vae, x, num_samples=num_samples, seed=seed)
    bound = estimate_log_likelihood(vae, x, num_samples=num_samples, seed=seed)

    exact = model.log_prob(x)
    torch.testing.assert_close(elbo.elbo, exact, atol=1e-3, rtol=0)
    torch.testing.assert_close(bound.log_likelihood, exact, atol=1e-3, rtol=0)
    assert bound.effective_sample_size.min() > 0.999 * num_samples
    assert bound.reliable.all() == (num_samples > 1)
    if num_samples > 1:
        assert (bound.pareto_k == -math.inf).all()
    if num_samples > 1:
        assert elbo.standard_error is not None
        assert elbo.standard_error.max() < 1e-3
        assert bound.standard_error is not None
        assert bound.standard_error.max() < 1e-3


@pytest.mark.parametrize(("num_features", "latents", "seed"), CASES)
def test_elbo_gap_of_the_best_diagonal_posterior(
    num_features: int, latents: int, seed: int
) -> None:
    model = random_linear_gaussian(num_features, latents, seed)
    x = model.sample(1_000)

    # One seed for each row: its noise is then independent of the other rows'.
    gaps = torch.stack(
        [
            model.log_prob(row) - estimate_elbo(model.vae(), row, num_samples=64, seed=i).elbo
            for i, row in enumerate(x.split(1))
        ]
    )

    error = float(gaps.std()) / math.sqrt(len(gaps))
    assert float(gaps.mean()) == pytest.approx(model.elbo_gap(), abs=4 * error + 1e-4)


@pytest.mark.parametrize("posterior", ["diagonal", "full"])
def test_elbo_with_a_wrong_posterior_misses_by_its_divergence(posterior: PosteriorName) -> None:
    model = random_linear_gaussian(6, 2, 0, orthogonal=posterior == "diagonal")
    vae = model.vae(posterior=posterior)
    shift = torch.tensor([0.4, -0.2])
    with torch.no_grad():
        vae.encoder.output.bias[:2] += shift
    x = model.sample(5)

    estimate = estimate_elbo(vae, x, num_samples=20_000, seed=0)

    precision = model.m / model.noise**2
    divergence = 0.5 * shift.double() @ precision @ shift.double()
    assert estimate.standard_error is not None
    error = (estimate.elbo - (model.log_prob(x) - divergence)).abs()
    assert (error < 4 * estimate.standard_error).all()


def test_bound_rises_with_samples_and_its_bias_is_the_variance_of_the_weights() -> None:
    model = LinearGaussian(CORRELATED, torch.zeros(3).double(), noise=0.5)
    x = model.sample(1)

    log_weights = log_weight_table(model.vae(), x, samples=64, tables=10_000) - model.log_prob(x)
    bounds = [importance_weighted_bound(log_weights[:k]) for k in (1, 8, 64)]

    means = [float(b.mean()) for b in bounds]
    errors = [float(b.std()) / 100 for b in bounds]
    assert means[0] + 3 * errors[0] < means[1] < means[2] - 3 * errors[1]
    assert means[2] < 3 * errors[2]
    assert means[1] == pytest.approx(-relative_weight_variance(model) / 16, rel=0.2)


# The columns of the true posterior's precision correlate at 0.23: weights of finite variance.
CORRELATED = torch.tensor([[1.0, 0.4], [0.3, 0.9], [-0.6, 0.5]]).double()


def relative_weight_variance(model: LinearGaussian) -> float:
    """Var(w) / p(x)^2 for the best diagonal q: two Gaussians with one mean."""
    precision = model.m / model.noise**2
    q_precision = torch.diag(precision.diagonal())
    second_moment = (
        torch.logdet(precision)
        - 0.5 * torch.logdet(q_precision)
        - 0.5 * torch.logdet(2 * precision - q_precision)
    )
    return float(second_moment.exp()) - 1


def log_weight_table(vae: VAE, x: Tensor, *, samples: int, tables: int) -> Tensor:
    rows = vae.to_model_units(x)
    posterior = vae.posterior(rows)
    z = posterior.sample(Noise(0).normal(0, samples * tables, vae.latent_dim))
    log_weights = vae.total_log_prob(rows, z) + vae.log_ratio(posterior, z)
    return log_weights.view(samples, tables)
