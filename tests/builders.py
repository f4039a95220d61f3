"""Small things that many tests need, made in one call."""

from datetime import UTC, datetime
from pathlib import Path

from model_store.checkpoint import Checkpoint, digest_of
from model_store.schema import CheckpointDocument, DataSummary, Estimate, Evaluation
from model_store.store import FolderStore
from tests.models import model_schema, small_vae


def small_checkpoint(kind: str = "gaussian", seed: int = 0) -> Checkpoint:
    """A random model of one of `tests.models.KINDS`, as it would be published."""
    tensors = {name: tensor.clone() for name, tensor in small_vae(kind, seed).state_dict().items()}
    document = CheckpointDocument(
        model=model_schema(kind),
        objective="elbo",
        seed=seed,
        training={"epochs": 1, "hidden_sizes": [16, 16]},
        data=DataSummary(source="noise", train_rows=80, validation_rows=10, test_rows=10),
        evaluation=small_evaluation(),
        libraries={"torch": "2.6"},
        created=datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
        digest=digest_of(tensors),
    )
    return Checkpoint(document, tensors)


def small_evaluation() -> Evaluation:
    """Held-out numbers that a checkpoint must have."""
    return Evaluation(
        rows=10,
        num_samples=16,
        elbo=Estimate(value=-12.5, standard_error=0.25),
        log_likelihood=Estimate(value=-12.0, standard_error=0.2),
        reconstruction=Estimate(value=-10.0, standard_error=0.2),
        kl_divergence=Estimate(value=2.5, standard_error=0.1),
        bits_per_dim=2.9,
        active_units=3,
        kl_per_latent=(1.0, 1.0, 0.5),
    )


def small_store(root: Path, *names: str) -> FolderStore:
    """A store with one version of each named model."""
    store = FolderStore(root)
    for name in names:
        store.publish(name, small_checkpoint())
    return store
