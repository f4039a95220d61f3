"""Facts 7 and 16 in the estimators: a KL in closed form, or from draws and with an error."""

import pytest
import torch

from model_store import schema
from model_store.build import build_vae
from model_store.vae.estimators import ElboEstimate, estimate_elbo, estimate_log_likelihood
from model_store.vae.generation import encode, sample
from model_store.vae.model import VAE
from model_store.vae.noise import Noise
from tests.models import model_schema, random_rows, small_vae

MONTE_CARLO = ["bernoulli_mixture_prior", "mixed_vamp_prior"]
ANALYTIC = ["gaussian", "gaussian_full"]


def with_prior(prior: schema.Prior, posterior: schema.PosteriorName) -> VAE:
    """Random networks, the same for every prior; the prior as it is built."""
    changes = {"prior": prior, "posterior": posterior}
    vae = build_vae(model_schema("poisson").model_copy(update=changes))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for network in (vae.encoder, vae.decoder):
            for parameter in network.parameters():
                parameter.normal_(0, 0.5, generator=generator)
        # Then q(z | 0) is N(0, I): what a pseudo-input of zeros stands for.
        vae.encoder.output.bias -= vae.encoder(torch.zeros(1, vae.encoder.inputs))[0]
    return vae.freeze()


LIKE_STANDARD_NORMAL = [
    schema.MixturePrior(components=1),
    schema.MixturePrior(components=7),
    schema.VampPrior(components=1),
    schema.VampPrior(components=3),
]


@pytest.mark.parametrize("posterior", ["diagonal", "full"])
@pytest.mark.parametrize("prior", LIKE_STANDARD_NORMAL, ids=lambda p: f"{p.name} {p.components}")
def test_priors_that_are_the_standard_normal_give_its_numbers(
    prior: schema.Prior, posterior: schema.PosteriorName
) -> None:
    ours, standard = with_prior(prior, posterior), with_prior("standard_normal", posterior)
    x = random_rows("poisson", 20)

    for estimate in (estimate_elbo, estimate_log_likelihood):
        found = estimate(ours, x, num_samples=50, seed=1)
        expected = estimate(standard, x, num_samples=50, seed=1)
        torch.testing.assert_close(found.elbo, expected.elbo, rtol=1e-6, atol=1e-5)
        torch.testing.assert_close(found.standard_error, expected.standard_error, rtol=1e-4, atol=0)
    torch.testing.assert_close(found.log_likelihood, expected.log_likelihood, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("prior", LIKE_STANDARD_NORMAL, ids=lambda p: f"{p.name} {p.components}")
def test_a_sampled_kl_is_within_its_error_of_the_closed_form(prior: schema.Prior) -> None:
    ours, standard = with_prior(prior, "full"), with_prior("standard_normal", "full")
    x = random_rows("poisson", 20)

    sampled = estimate_elbo(ours, x, num_samples=2_000, seed=1)
    exact = estimate_elbo(standard, x, num_samples=2, seed=1).kl_divergence

    error = sampled.kl_standard_error
    assert (error is None) == (prior.components == 1)
    bound = 1e-4 * exact + 1e-5 if error is None else 4 * error
    assert ((sampled.kl_divergence - exact).abs() < bound).all()


def test_the_error_of_a_sampled_kl_is_its_spread_over_seeds() -> None:
    vae, x = small_vae("bernoulli_mixture_prior").freeze(), random_rows("bernoulli", 3)

    estimates = [estimate_elbo(vae, x, num_samples=64, seed=seed) for seed in range(300)]

    spread = torch.stack([e.kl_divergence for e in estimates]).std(dim=0)
    said = torch.stack([error_of(e) for e in estimates]).mean(dim=0)
    torch.testing.assert_close(said, spread, rtol=0.15, atol=0)


def error_of(estimate: ElboEstimate) -> torch.Tensor:
    assert estimate.kl_standard_error is not None
    return estimate.kl_standard_error


@pytest.mark.parametrize("kind", MONTE_CARLO)
def test_with_a_sampled_kl_the_reconstruction_is_the_plain_mean(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 5)
    rows = vae.to_model_units(x)
    z = vae.posterior(rows).sample(Noise(2).normal(0, 9, vae.latent_dim))

    estimate = estimate_elbo(vae, x, num_samples=9, seed=2)

    plain = vae.total_log_prob(rows, z).mean(dim=0)
    torch.testing.assert_close(estimate.reconstruction, plain)
    torch.testing.assert_close(estimate.reconstruction - estimate.kl_divergence, estimate.elbo)
    assert estimate.kl_estimator == "monte_carlo"


@pytest.mark.parametrize("kind", ANALYTIC)
def test_an_analytic_kl_says_so_and_has_no_error(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 3)

    for answer in (
        estimate_elbo(vae, x, num_samples=4, seed=0),
        encode(vae, x, num_samples=0, seed=0),
    ):
        assert answer.kl_estimator == "analytic"
        assert answer.kl_standard_error is None


@pytest.mark.parametrize("kind", MONTE_CARLO)
def test_encode_estimates_the_kl_that_elbo_does_whatever_samples_are_asked_for(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 5)

    encoding = encode(vae, x, num_samples=0, seed=3)
    with_samples = encode(vae, x, num_samples=2, seed=3)
    elbo = estimate_elbo(vae, x, num_samples=256, seed=3)

    torch.testing.assert_close(encoding.kl_divergence, elbo.kl_divergence)
    torch.testing.assert_close(encoding.kl_standard_error, elbo.kl_standard_error)
    assert torch.equal(encoding.kl_divergence, with_samples.kl_divergence)


def test_one_draw_says_nothing_of_the_kls_error() -> None:
    vae, x = small_vae("bernoulli_mixture_prior"), random_rows("bernoulli", 3)

    assert estimate_elbo(vae, x, num_samples=1, seed=0).kl_standard_error is None


@pytest.mark.parametrize("kind", ["gaussian_full", *MONTE_CARLO])
def test_a_row_with_nothing_observed_scores_minus_its_kl(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 2)

    estimate = estimate_elbo(vae, torch.full_like(x, torch.nan), num_samples=8, seed=0)

    torch.testing.assert_close(estimate.elbo, -estimate.kl_divergence)


def test_frozen_weights_encode_their_pseudo_inputs_once() -> None:
    vae = small_vae("mixed_vamp_prior").freeze()

    assert vae.prior_law() is vae.prior_law()
    assert vae.requires_grad_().train().eval().prior_law() is not vae.prior_law()


def test_what_was_frozen_and_trained_on_has_the_law_of_its_new_weights() -> None:
    vae, z = small_vae("mixed_vamp_prior").freeze(), torch.zeros(1, 3)
    before = vae.prior_law().log_prob(z)

    vae.train()
    vae.prior.pseudo_inputs.add_(1.0)

    assert not torch.equal(vae.prior_law().log_prob(z), before)


@pytest.mark.parametrize("kind", MONTE_CARLO)
def test_draws_from_a_model_depend_on_seed_and_number_alone(kind: str) -> None:
    vae = small_vae(kind)

    many = sample(vae, num_samples=20, seed=4, temperature=1.0, observation_noise=True)
    few = sample(vae, num_samples=7, seed=4, temperature=1.0, observation_noise=True)

    torch.testing.assert_close(few.latents, many.latents[:7])
    torch.testing.assert_close(few.samples, many.samples[:7])
