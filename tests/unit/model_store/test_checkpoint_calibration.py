"""A checkpoint's calibration survives its file, and is refused when it contradicts itself."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from model_store.calibration import SCORE_KINDS
from model_store.checkpoint import Checkpoint, digest_of, read_checkpoint
from model_store.errors import CorruptCheckpointError
from tests.builders import (
    calibrated_checkpoint,
    same_checkpoint,
    small_checkpoint,
    with_description,
)
from tests.calibrations import CALIBRATION_ROWS, small_calibration
from tests.models import KINDS, random_rows

CONTENT = calibrated_checkpoint().to_bytes()
SCORES = "calibration.scores.combined"


@pytest.mark.parametrize("kind", KINDS)
def test_a_calibration_is_what_was_written(kind: str) -> None:
    checkpoint = calibrated_checkpoint(kind)

    assert same_checkpoint(read_checkpoint(checkpoint.to_bytes()), checkpoint)


@pytest.mark.parametrize("kind", KINDS)
def test_a_calibration_that_was_read_gives_the_same_p_values(kind: str) -> None:
    checkpoint, x = read_checkpoint(calibrated_checkpoint(kind).to_bytes()), random_rows(kind, 9)
    vae, before = checkpoint.build(), small_calibration(kind)
    # Weights that are frozen give outputs that are rounded otherwise.
    before = replace(before, reference=before.reference.decoded(vae))

    after = checkpoint.calibration(vae)

    assert after is not None
    scores = after.scores(after.statistics(vae, x))
    expected = before.scores(before.statistics(vae, x))
    for score in SCORE_KINDS:
        assert torch.equal(scores[score], expected[score])
        assert torch.equal(
            after.p_values(score, scores[score]), before.p_values(score, scores[score])
        )


def test_a_checkpoint_without_one_has_none() -> None:
    checkpoint = read_checkpoint(small_checkpoint().to_bytes())

    assert checkpoint.document.calibration is None
    assert checkpoint.calibration(checkpoint.build()) is None


def test_a_new_calibration_takes_the_old_ones_place() -> None:
    twice = calibrated_checkpoint().calibrated(small_calibration(), "other noise")

    assert twice.tensors.keys() == calibrated_checkpoint().tensors.keys()
    assert twice.document.calibration
    assert twice.document.calibration.source == "other noise"
    assert twice.document.digest == calibrated_checkpoint().document.digest


def test_the_digest_covers_the_calibration() -> None:
    assert calibrated_checkpoint().document.digest != small_checkpoint().document.digest


def _published(changed: dict[str, torch.Tensor]) -> bytes:
    """As a writer would that keeps the digest but not the rules."""
    checkpoint = calibrated_checkpoint()
    tensors = {**checkpoint.tensors, **changed}
    document = checkpoint.document.model_copy(update={"digest": digest_of(tensors)})
    return Checkpoint(document, tensors).to_bytes()


def _with(name: str, index: int, value: float) -> bytes:
    tensor = calibrated_checkpoint().tensors[name].clone()
    tensor.view(-1)[index] = value
    return _published({name: tensor})


NAMES = [n for n in calibrated_checkpoint().tensors if n.startswith("calibration.")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(name: str, value: float) -> None:
    with pytest.raises(CorruptCheckpointError, match=f"'{name}' holds a value that is not finite"):
        read_checkpoint(_with(name, -1, value))


@pytest.mark.parametrize("name", [n for n in NAMES if "scores." in n or "ascending." in n])
def test_scores_that_are_not_sorted_are_refused(name: str) -> None:
    with pytest.raises(CorruptCheckpointError, match=f"'{name}' is not sorted"):
        read_checkpoint(_with(name, 0, 1e6))


def test_a_deviation_of_zero_is_refused() -> None:
    with pytest.raises(CorruptCheckpointError, match="not positive"):
        read_checkpoint(_with("calibration.baseline.deviation", 2, 0.0))


@pytest.mark.parametrize("name", NAMES)
def test_a_tensor_of_another_shape_or_type_is_refused(name: str) -> None:
    tensor = calibrated_checkpoint().tensors[name]
    other = torch.float32 if tensor.dtype == torch.float64 else torch.float64

    for changed in (tensor[:-1].clone(), tensor.to(other), tensor[None].clone()):
        with pytest.raises(CorruptCheckpointError, match=f"Tensor '{name}' is"):
            read_checkpoint(_published({name: changed}))


@pytest.mark.parametrize("name", NAMES)
def test_a_tensor_that_is_not_there_is_refused(name: str) -> None:
    checkpoint = calibrated_checkpoint()
    tensors = {n: tensor for n, tensor in checkpoint.tensors.items() if n != name}
    document = checkpoint.document.model_copy(update={"digest": digest_of(tensors)})

    with pytest.raises(CorruptCheckpointError, match=f"'{name}' is missing or unknown"):
        read_checkpoint(Checkpoint(document, tensors).to_bytes())


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(calibration=None),
        lambda document: document["calibration"].update(rows=CALIBRATION_ROWS - 1),
        lambda document: document["calibration"].update(rows=0),
        lambda document: document["calibration"].update(reference_rows=10**12),
        lambda document: document["calibration"].update(baseline_rows=1),
        lambda document: document["calibration"].update(num_samples=0),
        lambda document: document["calibration"].update(seed=-1),
        lambda document: document["calibration"].update(extra=1),
        lambda document: document["calibration"].pop("created"),
    ],
)
def test_a_description_that_does_not_fit_its_calibration_is_refused(
    change: Callable[[dict[str, Any]], object],
) -> None:
    with pytest.raises(CorruptCheckpointError):
        read_checkpoint(with_description(CONTENT, change))
