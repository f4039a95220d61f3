"""Diagonal and full Gaussian posteriors: against SciPy, and against their own draws."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.vae.noise import Noise
from model_store.vae.posteriors import DiagonalGaussian, FullGaussian, together
from tests.gaussians import FAMILIES, PAIRS, random_latents, random_posterior, scipy_log_prob

families = pytest.mark.parametrize("family", FAMILIES)
widths = pytest.mark.parametrize("latents", [1, 2, 5])


@families
@widths
def test_log_prob_is_scipys(family: str, latents: int) -> None:
    posterior, z = random_posterior(family, 4, latents), random_latents(7, latents)

    ours = posterior.log_prob(z.unsqueeze(1).expand(-1, 4, -1))

    np.testing.assert_allclose(ours, scipy_log_prob(posterior, z), rtol=1e-10)


@families
@widths
def test_the_table_of_log_probs_is_scipys(family: str, latents: int) -> None:
    posterior, z = random_posterior(family, 4, latents), random_latents(7, latents)

    np.testing.assert_allclose(
        posterior.log_prob_table(z), scipy_log_prob(posterior, z), rtol=1e-10
    )


@families
def test_float32_is_good_enough_for_the_narrowest_posterior(family: str) -> None:
    """Its log-density at its own draws is that of the noise and the scales, known exactly."""
    noise = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    outputs = torch.cat([torch.full((1, 6), -20.0), torch.full((1, 3), 0.5)], dim=1)
    outputs = outputs[:, : FAMILIES[family].output_width(3)]
    posterior = FAMILIES[family].from_outputs(outputs, 3)

    log_prob = posterior.log_prob(posterior.sample(noise))[:, 0]

    exact = -0.5 * noise.double().square().sum(-1) - 1.5 * math.log(2 * math.pi) + 27
    torch.testing.assert_close(log_prob, exact, rtol=0, atol=0.3)


@families
@widths
def test_encoder_outputs_are_the_posterior_and_back(family: str, latents: int) -> None:
    posterior = random_posterior(family, 4, latents)

    again = FAMILIES[family].from_outputs(posterior.to_outputs(), latents)

    torch.testing.assert_close(again.loc, posterior.loc)
    torch.testing.assert_close(again.factor, posterior.factor)


def test_a_full_posterior_is_its_factor() -> None:
    factor = torch.tensor([[[2.0, 0.0, 0.0], [-1.0, 0.5, 0.0], [0.3, 4.0, 1.0]]])

    posterior = FullGaussian.from_factor(torch.zeros(1, 3), factor)

    torch.testing.assert_close(posterior.factor, factor)
    torch.testing.assert_close(posterior.scale, factor.square().sum(-1).sqrt())


def test_small_outputs_are_nearly_a_diagonal_posterior() -> None:
    outputs = 0.01 * torch.randn(20, FullGaussian.output_width(8))

    full = FullGaussian.from_outputs(outputs, 8)
    diagonal = DiagonalGaussian.from_outputs(outputs[:, :16], 8)

    torch.testing.assert_close(full.factor, diagonal.factor, rtol=0, atol=0.03)


@families
def test_draws_have_the_mean_and_the_covariance(family: str) -> None:
    posterior = random_posterior(family, 2, 3)
    noise = Noise(0).normal(0, 200_000, 3).double()

    z = posterior.sample(noise)

    spread = float(posterior.scale.max())
    torch.testing.assert_close(z.mean(0), posterior.loc, rtol=0, atol=0.02 * spread)
    covariance = torch.stack([torch.cov(rows.T) for rows in z.unbind(1)])
    exact = posterior.factor @ posterior.factor.mT
    torch.testing.assert_close(covariance, exact, rtol=0, atol=0.02 * spread**2)
    torch.testing.assert_close(z.std(0), posterior.scale, rtol=0.02, atol=0)


@families
def test_each_row_can_have_noise_of_its_own(family: str) -> None:
    posterior, noise = random_posterior(family, 4, 3), random_latents(4, 3)

    each = posterior.sample_each(noise)

    shared = posterior.sample(noise)
    torch.testing.assert_close(each, torch.stack([shared[i, i] for i in range(4)]))


@families
def test_standardize_finds_the_noise(family: str) -> None:
    posterior, noise = random_posterior(family, 4, 3), random_latents(6, 3)

    found = posterior.standardize(posterior.sample(noise))

    torch.testing.assert_close(found, noise.unsqueeze(1).expand(-1, 4, -1))


@families
def test_entropy_is_scipys(family: str) -> None:
    posterior = random_posterior(family, 1, 3)
    covariance = (posterior.factor @ posterior.factor.mT)[0]

    law = torch.distributions.MultivariateNormal(posterior.loc[0], covariance)

    assert float(posterior.entropy) == pytest.approx(float(law.entropy()))


@families
def test_variance_along_directions_is_that_of_projected_draws(family: str) -> None:
    posterior, directions = random_posterior(family, 2, 3), random_latents(5, 3)

    variance = posterior.variance_along(directions)

    covariance = posterior.factor @ posterior.factor.mT
    exact = torch.einsum("ni,rij,nj->rn", directions, covariance, directions)
    torch.testing.assert_close(variance, exact)


@families
def test_kl_to_the_standard_normal_is_torchs(family: str) -> None:
    posterior = random_posterior(family, 6, 4)
    law = torch.distributions.MultivariateNormal(posterior.loc, scale_tril=posterior.factor)
    standard = torch.distributions.MultivariateNormal(
        torch.zeros(4).double(), torch.eye(4).double()
    )

    kl = posterior.kl_to_standard_normal()

    exact = torch.distributions.kl_divergence(law, standard)
    torch.testing.assert_close(kl.sum(-1), exact)


@given(seed=st.integers(0, 1000), family=st.sampled_from(sorted(FAMILIES)))
@settings(deadline=None, max_examples=25)
def test_no_latents_share_of_the_kl_is_negative(seed: int, family: str) -> None:
    kl = random_posterior(family, 5, 4, seed).kl_to_standard_normal()

    assert (kl >= 0).all()


def test_the_kl_of_a_latent_is_that_of_its_conditionals() -> None:
    """The chain rule: averaged over draws of those before it."""
    posterior = random_posterior("full", 1, 3)
    z = posterior.sample(Noise(0).normal(0, 200_000, 3).double())

    log_ratio = posterior.conditional_log_prob(z) + 0.5 * z.square() + 0.5 * math.log(2 * math.pi)

    exact = posterior.kl_to_standard_normal()
    torch.testing.assert_close(log_ratio.mean(0), exact, rtol=0, atol=0.02)


@pytest.mark.parametrize(("family", "other"), PAIRS)
def test_whitening_makes_draws_the_noise_they_would_have_come_from(family: str, other: str) -> None:
    component, posterior = random_posterior(family, 1, 3, 1), random_posterior(other, 4, 3, 2)
    noise = random_latents(6, 3)

    white = component.whiten(posterior).sample(noise)

    z = posterior.sample(noise).flatten(0, 1).unsqueeze(1)
    torch.testing.assert_close(white.flatten(0, 1), component.standardize(z).squeeze(1))


@families
def test_rows_can_be_selected_split_and_put_together(family: str) -> None:
    posterior = random_posterior(family, 7, 3)

    again = together(posterior.split(3))
    picked = posterior.select(torch.tensor([5, 1]))

    assert torch.equal(again.factor, posterior.factor)
    assert torch.equal(picked.loc, posterior.loc[[5, 1]])
    assert torch.equal(picked.factor, posterior.factor[[5, 1]])
