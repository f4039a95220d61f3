"""Facts 13 and 15, and chunking: a row's answer depends on the row and the seed alone."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model_store.vae import chunks
from model_store.vae.estimators import estimate_elbo, estimate_log_likelihood
from model_store.vae.generation import decode, encode, interpolate, sample
from model_store.vae.noise import MAX_SEED, Noise
from tests.models import KINDS, random_rows, small_vae


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_alone_equals_the_row_in_any_batch(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 50)
    order = torch.randperm(50)

    together = estimate_log_likelihood(vae, x[order], num_samples=20, seed=3).log_likelihood
    alone = torch.cat(
        [estimate_log_likelihood(vae, r, num_samples=20, seed=3).log_likelihood for r in x.split(1)]
    )

    torch.testing.assert_close(together, alone[order], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_attributions_sum_to_the_elbo(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 9)

    estimate = estimate_elbo(vae, x, num_samples=5, seed=1, per_feature=True, per_latent=True)

    assert estimate.per_feature is not None
    assert estimate.per_latent is not None
    reconstruction = estimate.per_feature.flatten(1).sum(1)
    torch.testing.assert_close(reconstruction, estimate.reconstruction)
    torch.testing.assert_close(reconstruction - estimate.per_latent.sum(1), estimate.elbo)


@pytest.mark.parametrize("kind", KINDS)
def test_the_bound_of_one_sample_is_the_elbo(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 9)

    elbo = estimate_elbo(vae, x, num_samples=1, seed=1)
    bound = estimate_log_likelihood(vae, x, num_samples=1, seed=1)

    torch.testing.assert_close(elbo.elbo, bound.log_likelihood)
    assert elbo.standard_error is None
    assert bound.standard_error is None


@pytest.mark.parametrize("elements", [1, 100, 1_000, 7_777])
def test_chunking_changes_nothing(elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    vae, x = small_vae("discretized_logistic"), random_rows("discretized_logistic", 13)
    whole = estimate_elbo(vae, x, num_samples=37, seed=5, per_feature=True)

    monkeypatch.setattr(chunks, "CHUNK_ELEMENTS", elements)
    chunked = estimate_elbo(vae, x, num_samples=37, seed=5, per_feature=True)

    torch.testing.assert_close(chunked.elbo, whole.elbo, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(chunked.per_feature, whole.per_feature, rtol=1e-5, atol=1e-5)


def test_sampled_kl_is_only_a_control_variate() -> None:
    """The plain average of log p(x | z) has the same mean as the reconstruction term."""
    vae, x = small_vae("gaussian"), random_rows("gaussian", 1)
    rows = vae.to_model_units(x)
    z = vae.posterior(rows).sample(Noise(0).normal(0, 50_000, vae.latent_dim))

    plain = vae.log_prob(rows, z).sum(-1)
    ours = estimate_elbo(vae, x, num_samples=10_000, seed=1)

    assert ours.standard_error is not None
    error = float(plain.std() / len(plain) ** 0.5 + ours.standard_error)
    assert float(plain.mean()) == pytest.approx(float(ours.reconstruction), abs=4 * error)


seeds = st.integers(0, MAX_SEED)


@given(seed=seeds, start=st.integers(0, 50), count=st.integers(1, 20), width=st.integers(1, 9))
@settings(deadline=None)
def test_noise_of_a_sample_depends_on_seed_and_index_alone(
    seed: int, start: int, count: int, width: int
) -> None:
    noise = Noise(seed)
    stop = start + count

    assert torch.equal(noise.normal(start, stop, width), noise.normal(0, stop, width)[start:])
    assert torch.equal(noise.uniform(start, stop, width), noise.uniform(0, stop, width)[start:])


def test_noise_is_standard_normal_and_differs_between_seeds() -> None:
    noise = Noise(1).normal(0, 20_000, 3)

    assert noise.mean(0).abs().max() < 0.03
    assert (torch.cov(noise.T) - torch.eye(3)).abs().max() < 0.04
    assert (noise * Noise(2).normal(0, 20_000, 3)).mean().abs() < 0.02


def quantiles_of(noise: Tensor) -> Tensor:
    return torch.special.ndtri(noise)


def test_latent_and_observation_noise_are_unrelated() -> None:
    latent = Noise(7).normal(0, 20_000, 1)
    observation = quantiles_of(Noise(7).uniform(0, 20_000, 1)).float()

    assert (latent * observation).mean().abs() < 0.03


@pytest.mark.parametrize("kind", ["mixed", "discretized_logistic"])
def test_generation_in_blocks_changes_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vae, x = small_vae(kind), random_rows(kind, 13)
    z = encode(vae, x, num_samples=0, seed=0).loc
    whole = decode(vae, z, num_samples=2, seed=0)
    path = interpolate(vae, x, x.flip(0), steps=3)
    drawn = sample(vae, num_samples=13, seed=4, temperature=1.0, observation_noise=True)

    monkeypatch.setattr(chunks, "CHUNK_ELEMENTS", 50)

    close = partial(torch.testing.assert_close, rtol=1e-5, atol=1e-5)
    blocks = decode(vae, z, num_samples=2, seed=0)
    close(encode(vae, x, num_samples=0, seed=0).loc, z)
    close(blocks.outputs, whole.outputs)
    close(blocks.samples, whole.samples)
    close(interpolate(vae, x, x.flip(0), steps=3).outputs, path.outputs)
    again = sample(vae, num_samples=13, seed=4, temperature=1.0, observation_noise=True)
    close(again.samples, drawn.samples)


def test_noise_never_reaches_the_ends_of_the_unit_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Extremes:
        def __init__(self, **_: object) -> None:
            pass

        def advance(self, _: int) -> None:
            pass

        def random_raw(self, size: int) -> np.ndarray:
            return np.resize(np.array([0, 2**64 - 1], dtype=np.uint64), size)

    monkeypatch.setattr(np.random, "Philox", Extremes)

    uniforms = Noise(0).uniform(0, 1, 4)

    assert ((uniforms > 0) & (uniforms < 1)).all()
    assert Noise(0).normal(0, 1, 4).isfinite().all()
