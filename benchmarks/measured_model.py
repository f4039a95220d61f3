"""The model that is measured: 784 pixels, two hidden layers of 200, 50 latents."""

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

MODEL = ModelSchema(
    event_shape=(PIXELS,),
    latent_dim=50,
    features=tuple(
        Feature(name=f"x[{i}]", kind="binary", likelihood="bernoulli") for i in range(PIXELS)
    ),
    likelihood=Bernoulli(),
    encoder=Network(hidden_sizes=(200, 200)),
    decoder=Network(hidden_sizes=(200, 200)),
)


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
