"""Fact 8, end to end: what a run makes of the same data in another unit."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from model_store.vae.estimators import estimate_elbo, estimate_log_likelihood
from model_store.vae.model import VAE
from tests.sources import config_for, npy_file
from training.run import Run

SMALL = {"epochs": 20, "latent_dim": 2, "hidden_sizes": "16"}


def trained(source: Path, store: Path, **flags: object) -> VAE:
    run = Run(config_for(source, store=store, **{**SMALL, **flags}))
    for _ in run.train():
        pass
    run.publish()
    return run._vae


def columns() -> np.ndarray:
    """Normal, log-normal, and log-normal with zeros, all depending on one another."""
    r = np.random.default_rng(0)
    z = r.normal(size=(300, 1))
    normal, a, b = (z + 0.5 * r.normal(size=(300, 3))).T
    return np.column_stack([normal + 3, np.exp(a), np.exp(b) * (r.random(300) > 0.2)])


def test_data_in_a_smaller_unit_shift_log_densities_by_d_log_1024_and_nothing_else(
    tmp_path: Path,
) -> None:
    x = columns()
    metres = trained(npy_file(tmp_path / "a.npy", x), tmp_path)
    smaller = trained(npy_file(tmp_path / "b.npy", x / 1024), tmp_path)
    assert len(metres.transform.log_columns) == 2

    def scores(vae: VAE, x: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        rows = torch.from_numpy(x)
        elbo = estimate_elbo(vae, rows, num_samples=8, seed=0)
        likelihood = estimate_log_likelihood(vae, rows, num_samples=8, seed=0)
        return elbo.elbo, likelihood.log_likelihood, elbo.kl_divergence

    before, after = scores(metres, x), scores(smaller, x / 1024)

    shift = 3 * math.log(1024)
    torch.testing.assert_close(after[0], before[0] + shift, rtol=0, atol=1e-4)
    torch.testing.assert_close(after[1], before[1] + shift, rtol=0, atol=1e-4)
    torch.testing.assert_close(after[2], before[2], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scale", ["shared", "fixed", "per_feature", "predicted"])
def test_a_logarithm_goes_with_every_scale(tmp_path: Path, scale: str) -> None:
    x = columns()
    source = npy_file(tmp_path / "a.npy", x)

    vae = trained(source, tmp_path, scale=scale, transform=["x[1]=log"])

    centers = vae.data_likelihood(torch.zeros(1, 2)).center[0]
    assert 0 < centers[1] < x[:, 1].max()


def test_bytes_train_a_continuous_bernoulli_whose_density_is_per_grey_level(
    tmp_path: Path,
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 3, 3), dtype=np.uint8)
    images[0, 0] = (0, 255, 128)
    bytes_, unit = npy_file(tmp_path / "a.npy", images), npy_file(tmp_path / "b.npy", images / 255)

    grey = trained(bytes_, tmp_path, likelihood="continuous_bernoulli")
    share = trained(unit, tmp_path, likelihood="continuous_bernoulli")

    of_levels = estimate_elbo(grey, torch.from_numpy(images).double(), num_samples=4, seed=0).elbo
    of_shares = estimate_elbo(share, torch.from_numpy(images / 255), num_samples=4, seed=0).elbo
    torch.testing.assert_close(of_levels, of_shares - 9 * math.log(255), rtol=0, atol=1e-3)
