"""Checkpoint <-> bytes: one safetensors file, its description in the metadata.

Reading trusts nothing: the header's size, the tensors' number, names, shapes, dtypes and places
and the digest are all checked against the description before a tensor is made.
`docs/checkpoint-format.md` specifies the format for other languages.
"""

import hashlib
import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from mmap import mmap
from typing import Annotated, Literal

import torch
from pydantic import Field, ValidationError
from safetensors.torch import save
from torch import Tensor

from model_store.build import build_vae
from model_store.errors import CorruptCheckpointError, ForeignFileError, NewerFormatError
from model_store.schema import FORMAT_VERSION, CheckpointDocument, Frozen, ModelSchema
from model_store.vae.model import VAE

METADATA_PREFIX = "vae-checkpoint/"
METADATA_KEY = f"{METADATA_PREFIX}{FORMAT_VERSION}"
MAX_HEADER_BYTES = 64 * 2**20
MAX_TENSORS = 10_000

_DTYPES = {"F32": torch.float32, "F64": torch.float64}


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A published model: its description and its weights.

    Args:
        document: The description, with the digest of the weights' bytes.
        tensors: The state of `build_vae(document.model)` by name.
    """

    document: CheckpointDocument
    tensors: Mapping[str, Tensor]

    def build(self) -> VAE:
        """The VAE, in evaluation mode, sharing the tensors' memory."""
        vae = build_vae(self.document.model)
        vae.load_state_dict(dict(self.tensors), assign=True)
        return vae.requires_grad_(requires_grad=False)

    def to_bytes(self) -> bytes:
        """The file's content."""
        return save(dict(self.tensors), metadata={METADATA_KEY: self.document.model_dump_json()})


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of the tensors' bytes as they lie in a file, in hexadecimal."""
    content = save(dict(tensors))
    return hashlib.sha256(memoryview(content)[_data_start(content) :]).hexdigest()


def read_checkpoint(content: bytes | mmap) -> Checkpoint:
    """The checkpoint in a file's content, its tensors views of that memory.

    Raises:
        ForeignFileError: not a checkpoint of this project.
        NewerFormatError: written by a later version of it.
        CorruptCheckpointError: torn, edited or inconsistent.
    """
    header = _read_header(content)
    document = _read_document(header.pop("__metadata__", None))
    start = _data_start(content)
    places = _check_tensors(header, document.model, len(content) - start)
    with memoryview(content) as view, view[start:] as data:
        if hashlib.sha256(data).hexdigest() != document.digest:
            raise CorruptCheckpointError(
                "The tensor bytes do not have the digest that was published."
            )
    tensors = {name: _view(content, start, place) for name, place in places.items()}
    return Checkpoint(document, tensors)


class _Entry(Frozen):
    """A tensor's entry in a safetensors header."""

    dtype: Literal["F32", "F64"]
    shape: tuple[Annotated[int, Field(ge=0)], ...]
    data_offsets: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]


def _view(content: bytes | mmap, start: int, place: "_Place") -> Tensor:
    count = math.prod(place.shape)
    flat = torch.frombuffer(content, dtype=place.dtype, count=count, offset=start + place.begin)
    return flat.view(place.shape)


@dataclass(frozen=True)
class _Place:
    """Where a tensor lies: element type, shape, and bytes begin ... end of the data section."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


def _data_start(content: bytes | mmap) -> int:
    (length,) = struct.unpack("<Q", content[:8])
    return 8 + int(length)


def _read_header(content: bytes | mmap) -> dict[str, object]:
    """The safetensors header as JSON."""
    if len(content) < 8 or _data_start(content) > len(content):
        raise ForeignFileError("The file is not a safetensors file, or its header is cut off.")
    if _data_start(content) > MAX_HEADER_BYTES:
        raise CorruptCheckpointError(
            f"The header has {_data_start(content):,} bytes; at most {MAX_HEADER_BYTES:,} are read."
        )
    try:
        header = json.loads(content[8 : _data_start(content)])
    except ValueError:
        raise ForeignFileError("The file is not a safetensors file.") from None
    if not isinstance(header, dict):
        raise ForeignFileError("The file is not a safetensors file.")
    return header


def _read_document(metadata: object) -> CheckpointDocument:
    keys = metadata if isinstance(metadata, dict) else {}
    if METADATA_KEY not in keys:
        versions = [k.removeprefix(METADATA_PREFIX) for k in keys if k.startswith(METADATA_PREFIX)]
        if versions:
            raise NewerFormatError(
                f"The checkpoint has format {versions[0][:20]}; "
                f"this version reads format {FORMAT_VERSION}."
            )
        raise ForeignFileError("The safetensors file holds no VAE of this project.")
    try:
        return CheckpointDocument.model_validate_json(keys[METADATA_KEY])
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise CorruptCheckpointError(f"In the description, {where}: {first['msg']}.") from None


def _check_tensors(
    header: dict[str, object], model: ModelSchema, data_bytes: int
) -> dict[str, _Place]:
    """The places of exactly the tensors that the model needs, side by side over all the data."""
    if len(header) > MAX_TENSORS:
        raise CorruptCheckpointError(
            f"The file holds {len(header):,} tensors; at most {MAX_TENSORS:,} are read."
        )
    with torch.device("meta"):
        expected = build_vae(model).state_dict()
    if missing := sorted(expected.keys() ^ header.keys()):
        raise CorruptCheckpointError(
            f"The tensors are not those of the model; {missing[0][:80]!r} is missing or unknown."
        )
    places = {name: _place_of(name, header[name]) for name in expected}
    for name, tensor in expected.items():
        place = places[name]
        if (place.dtype, place.shape) != (tensor.dtype, tuple(tensor.shape)):
            raise CorruptCheckpointError(
                f"Tensor {name!r} is {place.dtype} {place.shape}; "
                f"the model needs {tensor.dtype} {tuple(tensor.shape)}."
            )
    _check_layout(places, data_bytes)
    return places


def _place_of(name: str, entry: object) -> _Place:
    try:
        found = _Entry.model_validate(entry)
    except ValidationError:
        raise CorruptCheckpointError(f"The header's entry for tensor {name!r} is wrong.") from None
    return _Place(_DTYPES[found.dtype], found.shape, *found.data_offsets)


def _check_layout(places: Mapping[str, _Place], data_bytes: int) -> None:
    """Every byte of the data belongs to one tensor, so none is hidden and none is shared."""
    position = 0
    for name, place in sorted(places.items(), key=lambda item: item[1].begin):
        size = math.prod(place.shape) * place.dtype.itemsize
        if place.begin != position or place.end != position + size:
            raise CorruptCheckpointError(f"Tensor {name!r} lies where it cannot.")
        position = place.end
    if position != data_bytes:
        raise CorruptCheckpointError(
            f"The tensors end at byte {position:,} of {data_bytes:,}; the file is torn."
        )
