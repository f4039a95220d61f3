"""Facts 2, 3 and 12 for the written-down model: exact for whatever is observed of a row."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from model_store.store import FolderStore
from model_store.vae.estimators import (
    conditionals,
    estimate_elbo,
    estimate_log_likelihood,
    impute,
)
from model_store.vae.model import VAE
from tests.linear_gaussian import LinearGaussian
from training.config import TrainingConfig
from training.linear_gaussian import write_down


def written_down(folder: Path, posterior: str) -> tuple[LinearGaussian, VAE]:
    config = TrainingConfig(
        source="linear-gaussian", store=folder, posterior=posterior, latent_dim=4, seed=1
    )
    published = write_down(config)
    checkpoint = FolderStore(folder).read(published.name, published.version)
    weights, bias = (
        checkpoint.tensors[f"decoder.output.{name}"].double() for name in ("weight", "bias")
    )
    return LinearGaussian(weights, bias, noise=1.0), checkpoint.build()


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> tuple[LinearGaussian, VAE]:
    return written_down(tmp_path_factory.mktemp("full"), "full")


@pytest.fixture(scope="module")
def diagonal(tmp_path_factory: pytest.TempPathFactory) -> tuple[LinearGaussian, VAE]:
    return written_down(tmp_path_factory.mktemp("diagonal"), "diagonal")


def patterns(model: LinearGaussian, rows: int, share: float) -> Tensor:
    """Rows of the model, each with another pattern of gaps, of up to so large a share."""
    x, generator = model.sample(rows), torch.Generator().manual_seed(0)
    shares = share * torch.rand(rows, 1, generator=generator)
    return x.masked_fill(torch.rand(x.shape, generator=generator) < shares, torch.nan)


def of_observed(model: LinearGaussian, row: Tensor) -> LinearGaussian:
    seen = ~row.isnan()
    return LinearGaussian(model.weights[seen], model.bias[seen], model.noise)


def log_prob(model: LinearGaussian, x: Tensor) -> Tensor:
    """Log p(x_o) of each row."""
    return torch.stack([of_observed(model, row).log_prob(row[~row.isnan()]) for row in x])


def conditional_mean(model: LinearGaussian, row: Tensor) -> Tensor:
    """E[x | x_o], from the covariance of x, not by way of z."""
    seen, c = ~row.isnan(), model.covariance
    gain = torch.linalg.solve(c[seen][:, seen], c[seen]).T
    return model.bias + gain @ (row[seen] - model.bias[seen])


@pytest.mark.parametrize("samples", [1, 2, 300])
@pytest.mark.parametrize("share", [0.0, 0.4, 0.95])
def test_the_full_posterior_is_exact_for_every_pattern(
    exact: tuple[LinearGaussian, VAE], samples: int, share: float
) -> None:
    model, vae = exact
    x = patterns(model, 100, share)

    estimate = estimate_log_likelihood(vae, x, num_samples=samples, seed=samples)
    elbo = estimate_elbo(vae, x, num_samples=samples, seed=samples).elbo

    truth = log_prob(model, x)
    torch.testing.assert_close(estimate.log_likelihood, truth, rtol=0, atol=1e-3)
    torch.testing.assert_close(elbo, truth, rtol=0, atol=1e-3)
    if samples > 1:
        assert estimate.standard_error is not None
        assert (estimate.standard_error < 1e-3).all()
        assert estimate.reliable.all()


@pytest.mark.parametrize("model_and_vae", ["exact", "diagonal"])
def test_imputation_is_the_conditional_mean(
    model_and_vae: str, request: pytest.FixtureRequest
) -> None:
    model, vae = request.getfixturevalue(model_and_vae)
    x = patterns(model, 200, 0.4)

    imputation = impute(vae, x, num_samples=2_000, seed=0)

    truth, gaps = torch.stack([conditional_mean(model, row) for row in x]), x.isnan()
    away = ((imputation.outputs - truth) / imputation.standard_error)[gaps]
    # The gaps of a row share their draws, so a bad row is bad in all of them.
    assert away.abs().mean() < 1.2 * (2 / torch.pi) ** 0.5
    assert (away.abs() < 3).float().mean() > 0.98


def test_imputation_knows_how_far_the_truth_may_lie(exact: tuple[LinearGaussian, VAE]) -> None:
    model, vae = exact
    x = patterns(model, 20, 0.4)

    imputation = impute(vae, x, num_samples=20_000, seed=0)

    c = model.covariance
    for row, deviation in zip(x, imputation.standard_deviation, strict=True):
        gap = row.isnan()
        left = c[gap][:, gap] - c[gap][:, ~gap] @ torch.linalg.solve(
            c[~gap][:, ~gap], c[~gap][:, gap]
        )
        torch.testing.assert_close(deviation[gap], left.diagonal().sqrt(), rtol=0.02, atol=0)


def test_draws_of_gaps_scatter_as_the_imputation_says(exact: tuple[LinearGaussian, VAE]) -> None:
    model, vae = exact
    x = patterns(model, 5, 0.4)

    imputation = impute(vae, x, num_samples=4_000, seed=0, num_imputations=4_000)

    assert imputation.samples is not None
    gaps = x.isnan()
    scatter = imputation.samples.std(dim=1)[gaps]
    torch.testing.assert_close(scatter, imputation.standard_deviation[gaps], rtol=0.08, atol=0)


def test_the_diagonal_posterior_falls_short_by_the_known_gap(
    diagonal: tuple[LinearGaussian, VAE],
) -> None:
    model, vae = diagonal
    x = patterns(model, 300, 0.4)

    elbo = estimate_elbo(vae, x, num_samples=4_000, seed=0)

    gaps = torch.tensor([of_observed(model, row).elbo_gap() for row in x]).double()
    assert elbo.standard_error is not None
    away = (elbo.elbo + gaps - log_prob(model, x)) / elbo.standard_error
    assert (away.abs() < 3).float().mean() > 0.98


def test_the_chain_rule_holds_between_what_is_seen_and_what_is_not(
    exact: tuple[LinearGaussian, VAE],
) -> None:
    """log p(x_o) + log p(x_m | x_o) = log p(x), the second from the formula."""
    model, vae = exact
    x = model.sample(10)
    seen = x.clone()
    seen[:, :20] = torch.nan

    observed = estimate_log_likelihood(vae, seen, num_samples=2, seed=0).log_likelihood
    whole = estimate_log_likelihood(vae, x, num_samples=2, seed=0).log_likelihood

    c = model.covariance
    gain = torch.linalg.solve(c[20:, 20:], c[20:, :20]).T
    mean = model.bias[:20] + (x[:, 20:] - model.bias[20:]) @ gain.T
    law = torch.distributions.MultivariateNormal(mean, c[:20, :20] - gain @ c[20:, :20])
    torch.testing.assert_close(whole, observed + law.log_prob(x[:, :20]), rtol=0, atol=2e-3)


def test_an_interval_of_one_observed_feature_has_the_normal_laws_probability(
    exact: tuple[LinearGaussian, VAE],
) -> None:
    model, vae = exact
    x = torch.full((50, 50), torch.nan).double()
    x.diagonal().copy_(model.sample(1)[0])

    estimate = estimate_log_likelihood(vae, x, num_samples=20_000, seed=0, resolution=0.7)

    scale = model.covariance.diagonal().sqrt()
    low, high = ((x.diagonal() + half - model.bias) / scale for half in (-0.35, 0.35))
    truth = (torch.special.ndtr(high) - torch.special.ndtr(low)).log()
    assert estimate.standard_error is not None
    away = (estimate.log_likelihood - truth) / estimate.standard_error
    assert (away.abs() < 4).all()


def test_a_feature_given_all_others_has_its_conditional_normal_law(
    exact: tuple[LinearGaussian, VAE],
) -> None:
    model, vae = exact
    x = model.sample(3)
    features = torch.arange(x.shape[1]).expand(x.shape)

    found = conditionals(vae, x, features, num_samples=20_000, seed=0)

    precision = torch.linalg.inv(model.covariance)
    expected = x - (x - model.bias) @ precision / precision.diagonal()
    deviation = precision.diagonal().rsqrt().expand(x.shape)
    assert ((found.expected - expected).abs() <= 0.05 * deviation).all()
    torch.testing.assert_close(found.standard_deviation, deviation, rtol=0.03, atol=0.0)
