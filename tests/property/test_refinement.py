"""A proposal found for each row: nearer to the posterior, never further, the same in any batch."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from model_store.build import build_vae
from model_store.schema import MixturePrior, VampPrior
from model_store.vae.estimators import LogLikelihoodEstimate, estimate_log_likelihood, impute
from model_store.vae.model import VAE
from model_store.vae.posteriors import DiagonalGaussian, Posterior
from model_store.vae.refinement import MAX_CORRELATED, refine
from tests.linear_gaussian import LinearGaussian, random_linear_gaussian
from tests.models import KINDS, model_schema, random_rows, small_vae, with_random_weights

BEST_DIAGONAL = random_linear_gaussian(50, 8, 0)


def estimate(vae: VAE, x: Tensor, steps: int, **options: int) -> LogLikelihoodEstimate:
    asked = {"num_samples": 64, "seed": 0} | options
    return estimate_log_likelihood(vae, x, refine=steps, **asked)


def refined(vae: VAE, x: Tensor, steps: int = 5) -> tuple[Posterior, Posterior]:
    """The encoder's posteriors, and what becomes of them."""
    rows = vae.to_model_units(x)
    posterior = vae.posterior(rows)
    return posterior, refine(vae, rows, posterior, steps=steps, seed=0)


def misled(model: LinearGaussian) -> VAE:
    """Its encoder is off by one standard deviation and more, and too sure by a factor of two."""
    vae = model.vae()
    with torch.no_grad():
        vae.encoder.output.bias += torch.linspace(-0.3, -1.4, len(vae.encoder.output.bias))
    return vae


def two_hills() -> VAE:
    """A posterior of two equal modes eight standard deviations apart, a proposal that has both."""
    schema = random_linear_gaussian(2, 1, 0).schema
    vae = build_vae(schema.model_copy(update={"prior": MixturePrior(components=2)}))
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.zero_()
        vae.prior.loc.copy_(torch.tensor([[-4.0], [4.0]]))
        vae.encoder.output.bias[1] = 3.0
    return vae


@pytest.mark.parametrize("num_samples", [21, 256])
def test_correlations_that_the_encoder_has_not_are_found(num_samples: int) -> None:
    x = BEST_DIAGONAL.sample(40)

    found = estimate(BEST_DIAGONAL.vae(), x, 5, num_samples=num_samples)

    torch.testing.assert_close(found.log_likelihood, BEST_DIAGONAL.log_prob(x), rtol=0, atol=1e-3)
    assert found.reliable.all()
    assert found.standard_error.max() <= 1e-3


def test_an_exact_posterior_is_left_alone() -> None:
    model = random_linear_gaussian(50, 4, 0, orthogonal=True)

    before, after = refined(model.vae(), model.sample(40), steps=50)

    torch.testing.assert_close(after.loc, before.loc, rtol=0, atol=0)
    torch.testing.assert_close(after.factor, before.factor, rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_bound_is_never_worse(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 12)

    gains = torch.stack(
        [
            estimate(vae, x, 10, seed=seed).log_likelihood
            - estimate(vae, x, 0, seed=seed).log_likelihood
            for seed in range(60)
        ]
    )

    error = gains.std(dim=0) / len(gains) ** 0.5
    assert (gains.mean(dim=0) > -3 * error - 1e-3).all()
    assert gains.mean() > 0


# Not where the posterior's tails are so rare that 64 draws of the encoder show none of them.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "mixed_vamp_prior"])
def test_more_rows_are_reliable(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 100)

    plain, found = estimate(vae, x, 0), estimate(vae, x, 10)

    assert found.reliable.sum() >= plain.reliable.sum() + 10
    assert found.effective_sample_size.median() > 2 * plain.effective_sample_size.median()


def test_an_encoder_that_is_far_off_is_put_right() -> None:
    x = BEST_DIAGONAL.sample(40)
    vae = misled(BEST_DIAGONAL)

    plain, found = estimate(vae, x, 0), estimate(vae, x, 25)

    assert not plain.reliable.any()
    assert found.reliable.all()
    torch.testing.assert_close(found.log_likelihood, BEST_DIAGONAL.log_prob(x), rtol=0, atol=0.05)


def test_with_missing_values_it_is_the_posterior_of_what_is_there() -> None:
    x = BEST_DIAGONAL.sample(20)
    x[:, 10:35] = torch.nan
    there = [*range(10), *range(35, 50)]
    covariance = BEST_DIAGONAL.covariance[there][:, there]
    exact = torch.distributions.MultivariateNormal(BEST_DIAGONAL.bias[there], covariance)

    found = estimate(BEST_DIAGONAL.vae(), x, 25)

    expected = exact.log_prob(x[:, there])
    torch.testing.assert_close(found.log_likelihood, expected, rtol=0, atol=0.02)


def test_imputation_finds_its_proposal_as_well() -> None:
    whole = BEST_DIAGONAL.sample(20)
    x = whole.clone()
    x[:, 10:] = torch.nan
    covariance, bias = BEST_DIAGONAL.covariance, BEST_DIAGONAL.bias
    away = torch.linalg.solve(covariance[:10, :10], (whole[:, :10] - bias[:10]).T)
    expected = bias[10:] + (covariance[10:, :10] @ away).T

    plain, found = (
        impute(BEST_DIAGONAL.vae(), x, num_samples=256, seed=0, refine=steps) for steps in (0, 25)
    )

    assert found.evidence.reliable.all()
    errors = [(each.outputs[:, 10:] - expected).square().mean() for each in (plain, found)]
    assert errors[1] < 0.1 * errors[0]


def test_a_row_of_nothing_keeps_its_posterior() -> None:
    vae, x = small_vae("gaussian"), random_rows("gaussian", 3)
    x[1] = torch.nan

    before, after = refined(vae, x)

    assert torch.equal(after.loc[1], before.loc[1])
    assert not torch.equal(after.loc[0], before.loc[0])


@pytest.mark.parametrize("far", [1e12, 1e25, 1e37])
def test_a_row_whose_score_overflows_keeps_its_posterior(far: float) -> None:
    x = BEST_DIAGONAL.sample(3)
    x[1] = far

    before, after = refined(BEST_DIAGONAL.vae(), x)

    assert torch.equal(after.loc[1], before.loc[1])
    neighbour = refined(BEST_DIAGONAL.vae(), x[2:])[1]
    torch.testing.assert_close(after.loc[2], neighbour.loc[0])


@pytest.mark.parametrize("components", [1, 5])
@pytest.mark.parametrize("posterior", ["diagonal", "full"])
def test_a_learned_prior_is_climbed_as_well(components: int, posterior: str) -> None:
    described = {"prior": VampPrior(components=components), "posterior": posterior}
    vae = with_random_weights(build_vae(model_schema("poisson").model_copy(update=described)))
    x = random_rows("poisson", 20)

    plain, found = (estimate(vae.freeze(), x, steps) for steps in (0, 10))

    assert found.effective_sample_size.mean() > 1.5 * plain.effective_sample_size.mean()


def test_a_mode_is_not_lost() -> None:
    vae, x = two_hills(), torch.zeros(1, 2)

    before, after = refined(vae, x, steps=20)

    torch.testing.assert_close(after.scale, before.scale)


def test_many_latents_keep_the_kind_of_their_posterior() -> None:
    model = random_linear_gaussian(100, MAX_CORRELATED + 1, 0)
    x = model.sample(5)

    before, after = refined(misled(model), x, steps=20)

    assert isinstance(after, DiagonalGaussian)
    exact = model.posterior_mean(x).float()
    assert (after.loc - exact).norm() < 0.5 * (before.loc - exact).norm()


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_alone_equals_the_row_in_any_batch(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 20)
    order = torch.randperm(20)

    together = estimate(vae, x[order], 5).log_likelihood
    alone = torch.cat([estimate(vae, row, 5).log_likelihood for row in x.split(1)])

    torch.testing.assert_close(together, alone[order], rtol=1e-4, atol=1e-4)


def test_threads_do_not_disturb_each_other() -> None:
    vae, x = small_vae("poisson"), random_rows("poisson", 20)
    alone = estimate(vae, x, 5).log_likelihood

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: estimate(vae, x, 5).log_likelihood, range(8)))

    assert all(torch.equal(answer, alone) for answer in answers)


def test_the_weights_of_the_model_gather_no_gradients() -> None:
    vae = copy.deepcopy(small_vae("gaussian")).requires_grad_()

    estimate(vae, random_rows("gaussian", 3), 2)

    assert all(parameter.grad is None for parameter in vae.parameters())


def test_a_target_is_met_with_fewer_samples() -> None:
    vae, x = small_vae("poisson"), random_rows("poisson", 20)

    asked = {"num_samples": 32, "target_standard_error": 0.05, "max_samples": 4096, "seed": 0}
    plain = estimate_log_likelihood(vae, x, **asked)
    found = estimate_log_likelihood(vae, x, refine=10, **asked)

    assert found.num_samples.sum() < 0.5 * plain.num_samples.sum()
