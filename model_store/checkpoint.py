"""Checkpoint <-> bytes: one safetensors file, its description in the metadata.

Reading trusts nothing: `header.py` checks what the file says of itself; here it is held against
the model that the description makes, before a tensor is.
`docs/checkpoint-format.md` specifies the format for other languages.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from mmap import mmap

import torch
from safetensors.torch import save
from torch import Tensor

from model_store import calibration_tensors
from model_store.build import build_vae
from model_store.calibration import Calibration
from model_store.errors import CorruptCheckpointError
from model_store.header import (
    Header,
    Place,
    check_digest,
    data_digest,
    read_header,
    with_document,
)
from model_store.schema import CalibrationSummary, CheckpointDocument
from model_store.vae.model import VAE

_DTYPES = {"F32": torch.float32, "F64": torch.float64}


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A published model: its description, its weights, and what its scores mean if that is known.

    Args:
        document: The description, with the digest of the tensors' bytes.
        tensors: The state of `build_vae(document.model)` by name, and where the document has a
            calibration the tensors of that.
    """

    document: CheckpointDocument
    tensors: Mapping[str, Tensor]

    def build(self) -> VAE:
        """The VAE, in evaluation mode, sharing the tensors' memory."""
        vae = build_vae(self.document.model)
        vae.load_state_dict(_weights(self.tensors), assign=True)
        return vae.freeze()

    def calibration(self, vae: VAE) -> Calibration | None:
        """What the scores of the built model mean; None where it was not calibrated."""
        if self.document.calibration is None:
            return None
        return calibration_tensors.from_tensors(self.tensors, self.document.calibration, vae)

    def calibrated(self, calibration: Calibration, source: str) -> "Checkpoint":
        """The same model with this calibration in place of any other, made now of these data."""
        summary = CalibrationSummary(
            rows=calibration.rows,
            reference_rows=len(calibration.reference.latents),
            baseline_rows=len(calibration.baseline.ascending["features"]),
            num_samples=calibration.num_samples,
            seed=calibration.seed,
            source=source,
            created=datetime.now(UTC).replace(microsecond=0),
        )
        tensors = _weights(self.tensors) | calibration_tensors.to_tensors(calibration)
        changes = {"calibration": summary, "digest": digest_of(tensors)}
        return Checkpoint(self.document.model_copy(update=changes), tensors)

    def to_bytes(self) -> bytes:
        """The file's content."""
        return with_document(save(dict(self.tensors)), self.document.model_dump_json())


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of the tensors' bytes as they lie in a file, in hexadecimal."""
    return data_digest(save(dict(tensors)))


def read_checkpoint(content: bytes | mmap) -> Checkpoint:
    """The checkpoint in a file's content, its tensors views of that memory.

    A mapping must be writable, as with `ACCESS_COPY`; `bytes` are copied, since torch knows no
    tensors that cannot be written to.

    Raises:
        ForeignFileError: not a checkpoint of this project.
        NewerFormatError: written by a later version of it.
        CorruptCheckpointError: torn, edited or inconsistent.
    """
    header = read_header(content)
    _check_state(header)
    check_digest(content, header)
    memory = bytearray(content) if isinstance(content, bytes) else content
    tensors = {
        name: _view(memory, header.data_start, place) for name, place in header.places.items()
    }
    _check_values(tensors)
    return Checkpoint(header.document, tensors)


def _check_state(header: Header) -> None:
    """The tensors must be exactly those of the described model, which is not allocated for this."""
    with torch.device("meta"):
        vae = build_vae(header.document.model)
    expected = {n: (t.dtype, tuple(t.shape)) for n, t in vae.state_dict().items()}
    if header.document.calibration is not None:
        expected |= calibration_tensors.expected_tensors(vae, header.document.calibration)
    if different := sorted(expected.keys() ^ header.places.keys()):
        raise CorruptCheckpointError(
            f"The tensors are not those of the model; {different[0][:80]!r} is missing or unknown."
        )
    for name, (dtype, shape) in expected.items():
        place = header.places[name]
        if (_DTYPES[place.dtype], place.shape) != (dtype, shape):
            raise CorruptCheckpointError(
                f"Tensor {name!r} is {_DTYPES[place.dtype]} {place.shape}; "
                f"the model needs {dtype} {shape}."
            )


def _view(memory: bytearray | mmap, data_start: int, place: Place) -> Tensor:
    flat = torch.frombuffer(
        memory,
        dtype=_DTYPES[place.dtype],
        count=math.prod(place.shape),
        offset=data_start + place.begin,
    )
    return flat.view(place.shape)


def _check_values(tensors: Mapping[str, Tensor]) -> None:
    """Values that no training ends with, and that would make every answer NaN."""
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise CorruptCheckpointError(f"Tensor {name!r} holds a value that is not finite.")
    if not bool((tensors["transform.scale"] > 0).all()):
        raise CorruptCheckpointError("Tensor 'transform.scale' holds a value that is not positive.")
    calibration_tensors.check_values(tensors)


def _weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of the model itself."""
    prefix = calibration_tensors.PREFIX
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
