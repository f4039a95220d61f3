"""Facts 7 and 8: densities are in the user's units, and nothing else depends on them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.vae.estimators import estimate_elbo, estimate_log_likelihood
from model_store.vae.generation import decode, reconstruct
from model_store.vae.posteriors import DiagonalGaussian
from model_store.vae.priors import StandardNormalLaw
from model_store.vae.transforms import Transform
from tests.models import NUM_FEATURES, random_rows, small_vae


@pytest.mark.parametrize("kind", ["gaussian", "gaussian_shared", "gaussian_predicted"])
def test_millimetres_shift_log_densities_by_d_log_1000_and_nothing_else(kind: str) -> None:
    metres, millimetres, x = small_vae(kind), small_vae(kind), random_rows(kind, 20)
    old = metres.transform
    millimetres.transform = Transform(1000 * old.shift, 1000 * old.scale)

    before = estimate_elbo(metres, x, num_samples=8, seed=0)
    after = estimate_elbo(millimetres, 1000 * x, num_samples=8, seed=0)

    shift = NUM_FEATURES * math.log(1000)
    torch.testing.assert_close(after.elbo, before.elbo - shift, rtol=1e-6, atol=1e-4)
    rounding = {"rtol": 1e-5, "atol": 1e-5}  # 1,000 is no power of two
    torch.testing.assert_close(after.kl_divergence, before.kl_divergence, **rounding)
    torch.testing.assert_close(after.standard_error, before.standard_error, **rounding)
    torch.testing.assert_close(
        reconstruct(millimetres, 1000 * x, num_samples=0, seed=0),
        1000 * reconstruct(metres, x, num_samples=0, seed=0),
    )


def test_a_log_column_in_another_unit_shifts_log_densities_and_nothing_else() -> None:
    """log(a x) = log a + log x, and log(a x + a c) = log a + log(x + c)."""
    kind = "gaussian_logarithms"
    metres, millimetres, x = small_vae(kind), small_vae(kind), random_rows(kind, 20)
    old = metres.transform
    factor = torch.tensor([1000.0 if i in old.log_columns else 1.0 for i in range(6)]).double()
    millimetres.transform = Transform(
        old.shift + factor.log(),
        old.scale,
        log_columns=old.log_columns,
        offset=factor * old.offsets,
    )

    before = estimate_elbo(metres, x, num_samples=8, seed=0)
    after = estimate_elbo(millimetres, factor.view(2, 3) * x, num_samples=8, seed=0)

    torch.testing.assert_close(after.elbo, before.elbo - factor.log().sum(), rtol=1e-6, atol=1e-4)
    torch.testing.assert_close(after.kl_divergence, before.kl_divergence, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["gaussian_logarithms", "mixed_logarithms"])
def test_a_density_is_that_of_the_law_in_data_units(kind: str) -> None:
    """The determinant that training and scoring add is the one that decoding knows."""
    vae, x = small_vae(kind), random_rows(kind, 5)
    z = torch.randn(1, 5, vae.latent_dim)

    ours = vae.log_prob(vae.to_model_units(x), z)[0]

    law = vae.data_likelihood(z[0])
    torch.testing.assert_close(ours, law.log_prob(x.flatten(1)).to(ours), rtol=1e-4, atol=1e-4)


def test_bytes_as_a_continuous_bernoulli_are_those_on_the_unit_interval_per_grey_level() -> None:
    unit, grey = small_vae("continuous_bernoulli"), small_vae("continuous_bernoulli_bytes")
    x = random_rows("continuous_bernoulli", 10)

    before = estimate_elbo(unit, x, num_samples=4, seed=0).elbo
    after = estimate_elbo(grey, 255 * x, num_samples=4, seed=0).elbo

    torch.testing.assert_close(after, before - NUM_FEATURES * math.log(255), rtol=1e-5, atol=1e-5)


def test_parameters_and_draws_are_in_data_units() -> None:
    vae = small_vae("gaussian")
    latents = torch.randn(3, vae.latent_dim)

    decoding = decode(vae, latents, num_samples=4_000, seed=0)

    assert decoding.samples is not None
    error = (decoding.samples.mean(1) - decoding.outputs).abs()
    assert (error < 5 * decoding.parameters["scale"] / 4_000**0.5).all()
    torch.testing.assert_close(decoding.parameters["loc"], decoding.outputs)


def test_a_column_of_timestamps_keeps_its_digits() -> None:
    """Offsets far beyond float32's 24 bits cost no accuracy."""
    vae, x = small_vae("gaussian"), random_rows("gaussian", 20)
    far = small_vae("gaussian")
    far.transform = Transform(vae.transform.shift + 2.0**30, vae.transform.scale)

    near_by = estimate_log_likelihood(vae, x, num_samples=4, seed=0).log_likelihood
    far_away = estimate_log_likelihood(far, x + 2.0**30, num_samples=4, seed=0).log_likelihood

    torch.testing.assert_close(far_away, near_by, rtol=1e-3, atol=1e-3)


@given(mu=st.floats(-5, 5), log_scale=st.floats(-4, 2))
@settings(deadline=None)
def test_kl_is_the_closed_form_and_zero_only_at_the_prior(mu: float, log_scale: float) -> None:
    mu_, log_scale_ = torch.tensor([[[mu]], [[log_scale]]], dtype=torch.float64)
    posterior = DiagonalGaussian(mu_, log_scale_)

    kl = float(posterior.kl_to_standard_normal())

    variance = math.exp(2 * log_scale)
    assert kl == pytest.approx((mu**2 + variance - 1 - math.log(variance)) / 2, abs=1e-9)
    assert kl >= -1e-15
    assert kl >= 0.1 * min(1.0, mu**2 + log_scale**2) - 1e-15  # zero at the prior alone


def test_kl_is_what_its_samples_average_to() -> None:
    posterior = DiagonalGaussian(torch.tensor([[0.7, -2.0]]), torch.tensor([[-0.5, 0.3]]))
    z = posterior.sample(torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0)))

    prior = StandardNormalLaw()
    sampled = (posterior.conditional_log_prob(z) - prior.conditional_log_prob(z)).mean(0)

    torch.testing.assert_close(sampled, prior.kl_divergence(posterior), atol=0.02, rtol=0.01)
