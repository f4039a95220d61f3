"""Fact 12: with gaps, the answers are those of the observed part; imputation is conditional."""

import pytest
import torch
from torch import Tensor

from model_store.vae.estimators import estimate_elbo, estimate_log_likelihood, impute
from model_store.vae.generation import encode
from tests.models import KINDS, random_rows, small_vae


def with_gaps(x: Tensor, share: float = 0.4, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return x.masked_fill(torch.rand(x.shape, generator=generator) < share, torch.nan)


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_feature_adds_nothing_to_the_score(kind: str) -> None:
    """With the posterior held, log p(x_o | z) is the sum over the observed features."""
    vae, x = small_vae(kind), random_rows(kind, 5)
    whole, gaps = vae.to_model_units(x), vae.to_model_units(with_gaps(x))
    z = vae.posterior(whole).sample(torch.randn(3, vae.latent_dim))

    scores = vae.log_prob(gaps, z)

    assert gaps.observed is not None
    torch.testing.assert_close(scores, vae.log_prob(whole, z) * gaps.observed)
    torch.testing.assert_close(
        scores.sum(-1).double(), vae.total_log_prob(gaps, z), rtol=1e-5, atol=1e-4
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_stood_in_a_gap_is_forgotten(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 6)
    others = random_rows(kind, 6, seed=1)
    hole = torch.zeros(x.shape).flatten(1).bool()
    hole[:, 1::3] = True
    hole = hole.view(x.shape)

    first = estimate_elbo(vae, x.masked_fill(hole, torch.nan), num_samples=8, seed=0)
    mixed = torch.where(hole, others, x).masked_fill(hole, torch.nan)

    assert torch.equal(first.elbo, estimate_elbo(vae, mixed, num_samples=8, seed=0).elbo)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_gaps_has_log_likelihood_zero_and_minus_kl_for_an_elbo(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 3)
    x[1] = torch.nan

    elbo = estimate_elbo(vae, x, num_samples=4, seed=0, per_feature=True)
    estimate = estimate_log_likelihood(vae, x, num_samples=4, seed=0)

    assert float(estimate.log_likelihood[1]) == 0
    assert estimate.standard_error is not None
    assert float(estimate.standard_error[1]) == 0
    assert float(elbo.elbo[1]) == -float(elbo.kl_divergence[1])
    assert float(elbo.reconstruction[1]) == 0
    if elbo.kl_estimator == "analytic":  # else encode has its own draws
        kl_divergence = encode(vae, x, num_samples=0, seed=0).kl_divergence
        torch.testing.assert_close(elbo.kl_divergence, kl_divergence)


@pytest.mark.parametrize("kind", KINDS)
def test_gaps_of_one_row_do_not_reach_its_neighbours(kind: str) -> None:
    vae, x = small_vae(kind), with_gaps(random_rows(kind, 20))
    x[4] = torch.nan

    together = estimate_log_likelihood(vae, x, num_samples=16, seed=0).log_likelihood
    alone = [estimate_log_likelihood(vae, row, num_samples=16, seed=0) for row in x.split(1)]

    expected = torch.cat([estimate.log_likelihood for estimate in alone])
    torch.testing.assert_close(together, expected, rtol=1e-5, atol=1e-5)


def test_attributions_leave_gaps_out_and_still_add_up() -> None:
    vae, x = small_vae("gaussian"), with_gaps(random_rows("gaussian", 9))

    estimate = estimate_elbo(vae, x, num_samples=5, seed=1, per_feature=True)

    assert estimate.per_feature is not None
    assert (estimate.per_feature[x.isnan()] == 0).all()
    torch.testing.assert_close(estimate.per_feature.flatten(1).sum(1), estimate.reconstruction)


def test_bits_per_dim_count_observed_features_alone() -> None:
    vae, x = small_vae("poisson"), random_rows("poisson", 2)
    x[0, 0] = torch.nan

    estimate = estimate_log_likelihood(vae, x, num_samples=8, seed=0)

    nats_per_dim = -estimate.log_likelihood / torch.tensor([3.0, 6.0])
    torch.testing.assert_close(estimate.bits_per_dim, nats_per_dim / torch.tensor(2.0).log())


@pytest.mark.parametrize("kind", KINDS)
def test_imputation_leaves_what_is_observed_and_fills_the_rest(kind: str) -> None:
    vae, x = small_vae(kind), with_gaps(random_rows(kind, 12))
    x[3] = torch.nan

    imputation = impute(vae, x, num_samples=50, seed=0, num_imputations=7)

    assert imputation.samples is not None
    observed = ~x.isnan()
    assert torch.equal(imputation.outputs[observed], x[observed])
    assert (imputation.standard_deviation[observed] == 0).all()
    assert imputation.outputs.isfinite().all()
    vae.to_model_units(imputation.samples.flatten(0, 1))
    assert torch.equal(
        imputation.samples[observed.unsqueeze(1).expand(imputation.samples.shape)],
        x.unsqueeze(1).expand(imputation.samples.shape)[
            observed.unsqueeze(1).expand(imputation.samples.shape)
        ],
    )


@pytest.mark.parametrize("kind", KINDS)
def test_imputation_of_a_row_is_blind_to_its_neighbours(kind: str) -> None:
    vae, x = small_vae(kind), with_gaps(random_rows(kind, 9))

    together = impute(vae, x, num_samples=32, seed=3, num_imputations=2)
    alone = [impute(vae, row, num_samples=32, seed=3, num_imputations=2) for row in x.split(1)]

    expected = torch.cat([imputation.outputs for imputation in alone])
    torch.testing.assert_close(together.outputs, expected, rtol=1e-4, atol=1e-4)


def test_an_imputation_without_gaps_is_the_row_itself() -> None:
    vae, x = small_vae("mixed"), random_rows("mixed", 4)

    imputation = impute(vae, x, num_samples=8, seed=0)

    evidence = estimate_log_likelihood(vae, x, num_samples=8, seed=0)
    assert torch.equal(imputation.outputs, x)
    torch.testing.assert_close(imputation.evidence.log_likelihood, evidence.log_likelihood)
