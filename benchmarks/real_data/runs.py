"""Models trained by the same code as `vae-train`, and what they say of held-out rows."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.splits import A_FIFTH_HELD_OUT
from model_store.schema import Feature
from model_store.store import FolderStore
from model_store.vae.estimators import estimate_log_likelihood
from model_store.vae.model import VAE
from training.choices import threads
from training.config import TrainingConfig
from training.data import Split, split_for
from training.evaluate import LOG_LIKELIHOOD_SAMPLES, MAX_ROWS
from training.run import Run


@dataclass(frozen=True, eq=False)
class Trained:
    """A published model and the rows it was made from.

    Args:
        name: In the store, version 1.
        vae: As anyone would read it from the store.
        features: Of the rows, in flat order.
        split: The rows in data units.
        measure: Whether its numbers are densities, probabilities or both.
    """

    name: str
    vae: VAE
    features: tuple[Feature, ...]
    split: Split
    measure: str

    @property
    def held_out(self) -> NDArray[np.generic]:
        """The rows that the published evaluation looks at, in data units."""
        return self.split.test[:MAX_ROWS]


def train(config: TrainingConfig) -> Trained:
    """Trains, evaluates and publishes."""
    run = Run(config)
    torch.set_num_threads(threads(run.config))
    for _ in run.train():
        pass
    published = run.publish()
    vae = FolderStore(config.store).read(published.name, published.version).build()
    split = split_for(run.dataset, run.config)
    return Trained(published.name, vae, run.dataset.features, split, vae.head.measure.value)


def log_likelihoods(trained: Trained) -> NDArray[np.float64]:
    """Of each held-out row, in nats, by as many samples as the published evaluation."""
    x = torch.from_numpy(np.ascontiguousarray(trained.held_out)).double()
    estimate = estimate_log_likelihood(trained.vae, x, num_samples=LOG_LIKELIHOOD_SAMPLES, seed=0)
    return estimate.log_likelihood.numpy()


def compared(data: Path, seed: int, store: Path, **flags: object) -> TrainingConfig:
    """The same with a fifth of the rows held out, for models that are compared."""
    return config_of(data, seed, store, **A_FIFTH_HELD_OUT, **flags)


def config_of(data: Path, seed: int, store: Path, **flags: object) -> TrainingConfig:
    """What `vae-train DATA --seed SEED --store STORE` and these flags ask for."""
    return TrainingConfig.from_sources(
        {"source": str(data), "seed": seed, "store": store, **flags}, environment={}
    )
