"""Calibration <-> the named tensors of a checkpoint."""

from collections.abc import Mapping

import torch
from torch import Tensor

from model_store.calibration import Calibration
from model_store.calibration_schema import CalibrationSummary
from model_store.errors import CorruptCheckpointError
from model_store.vae.anomaly import SCORE_KINDS, Baseline, Reference, joined_statistics
from model_store.vae.model import VAE

PREFIX = "calibration."

_SCORES = f"{PREFIX}scores."
_BASELINE = f"{PREFIX}baseline."
_ASCENDING = f"{PREFIX}baseline.ascending."
_REFERENCE = f"{PREFIX}reference."


def to_tensors(calibration: Calibration) -> dict[str, Tensor]:
    """What is kept of it, by name."""
    reference, baseline = calibration.reference, calibration.baseline
    tensors = {
        f"{PREFIX}typical": calibration.typical,
        f"{_BASELINE}typical": baseline.typical,
        f"{_BASELINE}deviation": baseline.deviation,
        f"{_REFERENCE}latents": reference.latents,
        f"{_REFERENCE}loc": reference.loc,
        f"{_REFERENCE}factor": reference.factor,
        **{f"{_SCORES}{kind}": scores for kind, scores in calibration.ascending.items()},
        **{f"{_ASCENDING}{name}": values for name, values in baseline.ascending.items()},
    }
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def from_tensors(
    tensors: Mapping[str, Tensor], summary: CalibrationSummary, vae: VAE
) -> Calibration:
    """The calibration that they stand for, sharing their memory."""
    reference = Reference(*(tensors[f"{_REFERENCE}{n}"] for n in ("latents", "loc", "factor")))
    return Calibration(
        num_samples=summary.num_samples,
        seed=summary.seed,
        reference=reference.decoded(vae),
        baseline=Baseline(
            tensors[f"{_BASELINE}typical"],
            tensors[f"{_BASELINE}deviation"],
            {name: tensors[f"{_ASCENDING}{name}"] for name in joined_statistics(vae)},
        ),
        typical=tensors[f"{PREFIX}typical"],
        ascending={kind: tensors[f"{_SCORES}{kind}"] for kind in SCORE_KINDS},
    )


def expected_tensors(
    vae: VAE, summary: CalibrationSummary
) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    """Element type and shape of each tensor that such a calibration of the model has."""
    features, latents = (vae.num_features,), (vae.latent_dim,)
    shapes = {
        f"{PREFIX}typical": features,
        f"{_BASELINE}typical": features,
        f"{_BASELINE}deviation": features,
        f"{_REFERENCE}loc": latents,
        f"{_REFERENCE}factor": latents * 2,
        **{f"{_SCORES}{kind}": (summary.rows,) for kind in SCORE_KINDS},
        **{f"{_ASCENDING}{name}": (summary.baseline_rows,) for name in joined_statistics(vae)},
    }
    codes = {f"{_REFERENCE}latents": (torch.float32, (summary.reference_rows, *latents))}
    return {name: (torch.float64, shape) for name, shape in shapes.items()} | codes


def check_values(tensors: Mapping[str, Tensor]) -> None:
    """What finite numbers must be besides.

    Raises:
        CorruptCheckpointError: scores are not sorted, or a deviation is not positive.
    """
    for name, tensor in tensors.items():
        if name.startswith((_SCORES, _ASCENDING)) and bool((tensor.diff() < 0).any()):
            raise CorruptCheckpointError(f"Tensor {name!r} is not sorted in ascending order.")
        if name == f"{_BASELINE}deviation" and not bool((tensor > 0).all()):
            raise CorruptCheckpointError(f"Tensor {name!r} holds a value that is not positive.")
