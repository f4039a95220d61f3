"""What a VAE refuses, and what its answers look like."""

import pytest
import torch

from model_store.errors import OutOfRangeError, ShapeError, SupportError
from model_store.vae.estimators import estimate_elbo, estimate_log_likelihood
from model_store.vae.generation import decode, encode, interpolate, reconstruct, sample
from tests.models import EVENT_SHAPE, KINDS, random_rows, small_vae

OUTSIDE = {
    "bernoulli": (0.5, "0 or 1"),
    "categorical": (2.0, "0 or 1"),
    "gaussian": (float("-inf"), "a finite number"),
    "continuous_bernoulli": (1.5, "a number from 0 to 1"),
    "discretized_logistic": (17.0, "an integer from 0 to 16"),
    "poisson": (-1.0, "an integer of at least 0"),
    "mixed": (float("inf"), "a finite number"),
}


@pytest.mark.parametrize("kind", OUTSIDE)
def test_a_value_outside_the_support_is_refused_with_its_place(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 4)
    value, needed = OUTSIDE[kind]
    x[2].view(-1)[0] = value

    with pytest.raises(SupportError) as caught:
        estimate_elbo(vae, x, num_samples=1, seed=0)

    assert (caught.value.row, caught.value.feature) == (2, 0)
    assert caught.value.needed == needed


def test_the_support_of_a_mixed_table_is_each_columns_own() -> None:
    vae, x = small_vae("mixed"), random_rows("mixed", 4)
    x[1, 5] = 2.0

    with pytest.raises(SupportError, match=r"Row 1, feature 5 is 2; needed 0 or 1\."):
        vae.to_model_units(x)


@pytest.mark.parametrize("shape", [(3, 6), (3, 2, 2), (2, 3), (3, 2, 3, 1)])
def test_rows_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"this model takes \(rows, 2, 3\)\."):
        encode(small_vae("gaussian"), torch.zeros(shape), num_samples=0, seed=0)


def test_latents_of_another_width_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"latents have shape \(1, 4\)"):
        decode(small_vae("gaussian"), torch.zeros(1, 4), num_samples=0, seed=0)


def test_ends_of_an_interpolation_must_pair_up() -> None:
    x = random_rows("gaussian", 3)

    with pytest.raises(ShapeError, match="start has 3 rows and end has 2"):
        interpolate(small_vae("gaussian"), x, x[:2], steps=3)


@pytest.mark.parametrize("estimate", [estimate_elbo, estimate_log_likelihood])
def test_a_row_too_far_out_for_a_finite_answer_is_named(estimate: object) -> None:
    vae, x = small_vae("gaussian"), random_rows("gaussian", 3)
    x[1] = 1e200

    with pytest.raises(OutOfRangeError) as caught:
        estimate(vae, x, num_samples=2, seed=0)

    assert caught.value.row == 1


@pytest.mark.parametrize("kind", KINDS)
def test_generated_rows_lie_in_the_support(kind: str) -> None:
    vae = small_vae(kind)

    drawn = sample(vae, num_samples=40, seed=1, temperature=1.0, observation_noise=True)

    vae.to_model_units(drawn.samples.double())
    assert drawn.latents.shape == (40, vae.latent_dim)


@pytest.mark.parametrize("kind", KINDS)
def test_answers_have_the_shape_of_an_event(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 4)
    event = (6,) if kind.startswith("mixed") else EVENT_SHAPE

    decoding = decode(vae, torch.zeros(4, vae.latent_dim), num_samples=3, seed=0)
    path = interpolate(vae, x, x.flip(0), steps=5)

    assert decoding.outputs.shape == (4, *event)
    assert decoding.samples is not None
    assert decoding.samples.shape == (4, 3, *event)
    assert reconstruct(vae, x, num_samples=3, seed=0).shape == (4, *event)
    assert path.outputs.shape == (4, 5, *event)


@pytest.mark.parametrize("kind", KINDS)
def test_reconstruction_over_many_draws_is_blind_to_the_number_of_rows(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 6)

    together = reconstruct(vae, x, num_samples=16, seed=2)
    alone = torch.cat([reconstruct(vae, row, num_samples=16, seed=2) for row in x.split(1)])

    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


def test_an_interpolation_starts_and_ends_at_the_reconstructions() -> None:
    vae, x = small_vae("gaussian"), random_rows("gaussian", 4)

    path = interpolate(vae, x[:2], x[2:], steps=4)

    ends = reconstruct(vae, x, num_samples=0, seed=0)
    torch.testing.assert_close(path.outputs[:, 0], ends[:2], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(path.outputs[:, -1], ends[2:], rtol=1e-5, atol=1e-5)


def test_cooler_samples_come_from_latents_nearer_to_zero() -> None:
    vae = small_vae("gaussian")

    warm = sample(vae, num_samples=9, seed=1, temperature=1.0, observation_noise=False)
    cool = sample(vae, num_samples=9, seed=1, temperature=0.5, observation_noise=False)

    torch.testing.assert_close(cool.latents, 0.5 * warm.latents)


def test_encoding_draws_come_from_the_posterior() -> None:
    encoding = encode(small_vae("gaussian"), random_rows("gaussian", 2), num_samples=4_000, seed=0)

    assert encoding.samples is not None
    error = (encoding.samples.mean(1) - encoding.loc).abs()
    assert (error < 5 * encoding.scale / 4_000**0.5).all()
