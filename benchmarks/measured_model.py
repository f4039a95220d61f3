"""The models that are measured; the service's has 784 pixels, hidden layers of 200, 50 latents."""

from datetime import UTC, datetime
from pathlib import Path

import torch

from model_store.build import build_vae
from model_store.checkpoint import Checkpoint, digest_of
from model_store.schema import (
    Bernoulli,
    CheckpointDocument,
    DataSummary,
    Estimate,
    Evaluation,
    Feature,
    ModelSchema,
    Network,
)
from model_store.store import FolderStore

NAME = "mnist"
PIXELS = 784


def binary_model(features: int, hidden_sizes: tuple[int, ...], latent_dim: int) -> ModelSchema:
    """A model of so many black and white pixels; its encoder and decoder mirror each other."""
    return ModelSchema(
        event_shape=(features,),
        latent_dim=latent_dim,
        features=tuple(
            Feature(name=f"x[{i}]", kind="binary", likelihood="bernoulli") for i in range(features)
        ),
        likelihood=Bernoulli(),
        encoder=Network(hidden_sizes=hidden_sizes),
        decoder=Network(hidden_sizes=hidden_sizes),
    )


MODEL = binary_model(PIXELS, (200, 200), 50)


def publish_model(root: Path) -> None:
    """The model with its random first weights: how long an answer takes does not depend on them."""
    tensors = {name: tensor.detach() for name, tensor in build_vae(MODEL).state_dict().items()}
    unknown = Estimate(value=0.0, standard_error=0.0)
    document = CheckpointDocument(
        model=MODEL,
        objective="none: never trained",
        seed=0,
        training={},
        data=DataSummary(source="none", train_rows=0, validation_rows=0, test_rows=0),
        evaluation=Evaluation(
            rows=1,
            num_samples=1,
            elbo=unknown,
            log_likelihood=unknown,
            reconstruction=unknown,
            kl_divergence=unknown,
            bits_per_dim=0.0,
            active_units=0,
            kl_per_latent=(),
        ),
        libraries={"torch": torch.__version__},
        created=datetime.now(UTC),
        digest=digest_of(tensors),
    )
    FolderStore(root).publish(NAME, Checkpoint(document, tensors))
