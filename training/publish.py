"""Evaluation + calibration + description + weights -> a new version in the store."""

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from torch import Tensor

from model_store.calibration import calibrate
from model_store.checkpoint import Checkpoint, digest_of
from model_store.schema import CheckpointDocument, DataSummary, Evaluation, ModelSchema
from model_store.vae.model import VAE
from training.config import TrainingConfig


@dataclass(frozen=True)
class Published:
    """What is in the store now."""

    name: str
    version: int
    document: CheckpointDocument


def make_checkpoint(
    vae: VAE,
    model: ModelSchema,
    config: TrainingConfig,
    data: DataSummary,
    evaluation: Evaluation,
    *,
    objective: str,
) -> Checkpoint:
    """The model as it will be kept; the digest is over the weights alone."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in vae.state_dict().items()}
    document = CheckpointDocument(
        model=model,
        objective=objective,
        seed=config.seed,
        training=config.recorded(),
        data=data,
        evaluation=evaluation,
        libraries={
            "python": platform.python_version(),
            **{name: version(name) for name in ("vae-service", "torch", "numpy", "safetensors")},
        },
        created=datetime.now(UTC).replace(microsecond=0),
        digest=digest_of(tensors),
    )
    return Checkpoint(document, tensors)


def with_calibration(
    checkpoint: Checkpoint, rows: Tensor, training_rows: Tensor, validation_rows: Tensor
) -> Checkpoint:
    """The checkpoint with the scores of these rows, made as whoever serves it makes them.

    Args:
        checkpoint: The model.
        rows: Rows in data units that neither trained nor selected nor evaluated it.
        training_rows: Those that others are compared with.
        validation_rows: Those that tell what is usual.
    """
    calibration = calibrate(checkpoint.build(), rows, training_rows, validation_rows)
    return checkpoint.calibrated(calibration, checkpoint.document.data.source)
