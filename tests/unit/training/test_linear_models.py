"""A linear VAE is probabilistic PCA or factor analysis: against scikit-learn, row by row."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA, FactorAnalysis

from model_store.store import FolderStore
from model_store.vae.estimators import estimate_log_likelihood
from training.config import TrainingConfig
from training.data import load_dataset, split_for
from training.run import Run


def linear_source(noise: np.ndarray) -> np.ndarray:
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(3, 10))
    rows = generator.normal(size=(2_000, 3)) @ weights + 100
    return rows + noise * generator.normal(size=(2_000, 10))


@pytest.mark.parametrize(
    ("posterior", "scale", "noise", "reference"),
    [
        ("diagonal", "shared", np.full(10, 0.5), PCA(3)),
        ("full", "shared", np.full(10, 0.5), PCA(3)),
        (
            "diagonal",
            "per_feature",
            np.linspace(0.2, 1.5, 10),
            FactorAnalysis(3, tol=1e-8, max_iter=10_000),
        ),
    ],
)
def test_held_out_rows_score_as_in_scikit_learn(
    posterior: str, scale: str, noise: np.ndarray, reference: PCA | FactorAnalysis, tmp_path: Path
) -> None:
    np.save(tmp_path / "linear.npy", linear_source(noise))
    config = TrainingConfig.from_sources(
        {
            "source": str(tmp_path / "linear.npy"),
            "store": tmp_path / "store",
            "hidden_sizes": "none",
            "scale": scale,
            "latent_dim": 3,
            "posterior": posterior,
        }
    )

    run = Run(config)
    for _ in run.train():
        pass
    run.publish()

    split = split_for(load_dataset(config), config)
    vae = FolderStore(tmp_path / "store").read("linear", 1).build()
    x = torch.from_numpy(split.test)
    ours = estimate_log_likelihood(vae, x, num_samples=500, seed=0).log_likelihood.numpy()
    theirs = reference.fit(split.train).score_samples(split.test)
    assert np.abs(ours - theirs).max() < 0.05
    assert np.corrcoef(ours, theirs)[0, 1] > 0.999
