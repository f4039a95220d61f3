"""Small things that many tests need, made in one call."""

import json
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from model_store.checkpoint import Checkpoint, digest_of
from model_store.header import DIGEST_KEY, METADATA_KEY, data_start, text_digest
from model_store.schema import (
    CheckpointDocument,
    DataSummary,
    Estimate,
    Evaluation,
    Feature,
    ModelSchema,
)
from model_store.store import FolderStore
from model_store.vae.model import VAE
from tests.calibrations import small_calibration
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


def calibrated_checkpoint(kind: str = "gaussian") -> Checkpoint:
    """The same with a calibration of 99 rows."""
    made = small_checkpoint(kind).calibrated(small_calibration(kind), "more noise")
    assert made.document.calibration
    summary = made.document.calibration.model_copy(update={"created": made.document.created})
    document = made.document.model_copy(update={"calibration": summary})
    return Checkpoint(document, made.tensors)


def named_checkpoint() -> Checkpoint:
    """The mixed table, its columns as people would name them."""
    document = small_checkpoint("mixed").document
    columns = [
        ("age", "real", None),
        ("member", "binary", None),
        ("colour", "categorical", ("blue", "green", "red")),
        ("visits", "count", None),
        ("gap", "real", None),
        ("job", "categorical", ("cook", "smith")),
    ]
    features = tuple(
        Feature(name=name, kind=kind, likelihood="", categories=categories)  # type: ignore[arg-type]
        for name, kind, categories in columns
    )
    model = document.model.model_copy(update={"features": features})
    changed = document.model_copy(update={"model": model})
    return Checkpoint(changed, small_checkpoint("mixed").tensors)


def calibrated_table() -> Checkpoint:
    """The named table with a calibration of 99 rows."""
    return named_checkpoint().calibrated(small_calibration("mixed"), "more noise")


def checkpoint_of(model: ModelSchema, vae: VAE) -> Checkpoint:
    """A model of any kind, as it would be published."""
    tensors = {name: tensor.clone() for name, tensor in vae.state_dict().items()}
    changes = {"model": model, "digest": digest_of(tensors)}
    return Checkpoint(small_checkpoint().document.model_copy(update=changes), tensors)


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


def same_checkpoint(a: Checkpoint, b: Checkpoint) -> bool:
    """Equal descriptions and equal tensors, to the bit."""
    return a.document == b.document and all(
        torch.equal(a.tensors[name], b.tensors[name]) for name in a.tensors | b.tensors
    )


def with_header(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The checkpoint file with its safetensors header changed, data as they were."""
    start = data_start(content)
    header = json.loads(content[8:start])
    change(header)
    return with_header_text(content, json.dumps(header))


def with_header_text(content: bytes, text: str) -> bytes:
    """The checkpoint file with this text for a header, data as they were."""
    header = text.encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + content[data_start(content) :]


def with_description(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The checkpoint file with its description changed, as an honest but odd writer would."""

    def describe_again(header: dict[str, Any]) -> None:
        document = json.loads(header["__metadata__"][METADATA_KEY])
        change(document)
        text = json.dumps(document)
        header["__metadata__"] = {METADATA_KEY: text, DIGEST_KEY: text_digest(text)}

    return with_header(content, describe_again)
