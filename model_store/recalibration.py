"""A published model, calibrated by other rows."""

import torch
from torch import Tensor

from model_store.calibration import Calibration, calibrate, recalibrate
from model_store.checkpoint import Checkpoint
from model_store.clean_rows import check_support
from model_store.errors import InputError
from model_store.vae.anomaly.reference import MAX_REFERENCE_ROWS
from model_store.vae.model import VAE

MIN_ROWS = 10

# Of the rows of a model whose own are gone: those that others are compared with, and those that
# tell what is usual.
_REFERENCE_SHARE, _BASELINE_SHARE = 0.4, 0.2


def recalibrated(checkpoint: Checkpoint, rows: Tensor, source: str) -> Checkpoint:
    """The same weights with the scores of these rows, which the training has not seen.

    A model that was calibrated keeps what its scores are; only their distribution is new. One that
    was not has no rows to compare others with: a part of these is taken for that.

    Args:
        checkpoint: The model.
        rows: Rows in data units, shape (rows, *event).
        source: Where they come from.

    Raises:
        InputError: too few rows, or a value that the model does not take.
    """
    if len(rows) < MIN_ROWS:
        raise InputError(f"It holds {len(rows)} rows; at least {MIN_ROWS} are needed.")
    vae = checkpoint.build()
    check_support(vae, rows, checkpoint.document.model.features)
    before = checkpoint.calibration(vae)
    after = _from_rows_alone(vae, rows) if before is None else recalibrate(vae, rows, before)
    return checkpoint.calibrated(after, source)


def _from_rows_alone(vae: VAE, rows: Tensor) -> Calibration:
    # Files are often sorted, and every part must be like the others.
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    counts = [
        min(MAX_REFERENCE_ROWS, int(share * len(rows)))
        for share in (_REFERENCE_SHARE, _BASELINE_SHARE)
    ]
    reference, usual, rest = rows[order].split([*counts, len(rows) - sum(counts)])
    return calibrate(vae, rest, reference, usual)
