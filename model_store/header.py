"""The front of a checkpoint: its description and the places of its tensors, read without torch.

Nothing is trusted: the header's size, the number of tensors, their entries and places, and the
description are all checked. What the model must hold is for `checkpoint.py` to say.
"""

import hashlib
import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from mmap import mmap
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from model_store.errors import (
    CheckpointError,
    CorruptCheckpointError,
    ForeignFileError,
    NewerFormatError,
)
from model_store.schema import FORMAT_VERSION, CheckpointDocument, Frozen
from model_store.strict_json import parse_json

METADATA_PREFIX = "vae-checkpoint/"
METADATA_KEY = f"{METADATA_PREFIX}{FORMAT_VERSION}"
DIGEST_KEY = "vae-checkpoint-sha256"
MAX_HEADER_BYTES = 32 * 2**20
MAX_TENSORS = 10_000

_ITEM_BYTES = {"F32": 4, "F64": 8}
_ALIGNMENT_BYTES = 8
_SHOWN_CHARACTERS = 160


@dataclass(frozen=True)
class Place:
    """Where a tensor lies: element type, shape, and bytes begin ... end of the data."""

    dtype: Literal["F32", "F64"]
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, eq=False)
class Header:
    """What a file says before its data begins.

    Args:
        document: The description.
        places: Each tensor's, by name; together they cover the data without gap or overlap.
        data_start: Where in the file the data begins.
    """

    document: CheckpointDocument
    places: Mapping[str, Place]
    data_start: int


def read_header(content: bytes | mmap) -> Header:
    """The header of a file's content, with everything checked but the tensors' bytes.

    Raises:
        ForeignFileError: not a checkpoint of this project.
        NewerFormatError: written by a later version of it.
        CorruptCheckpointError: torn, edited or inconsistent.
    """
    entries = _read_entries(content)
    document = _read_document(entries.pop("__metadata__", None))
    start = data_start(content)
    if start % _ALIGNMENT_BYTES:
        raise CorruptCheckpointError(
            f"The data begins at byte {start:,}; needed a multiple of {_ALIGNMENT_BYTES}."
        )
    if len(entries) > MAX_TENSORS:
        raise CorruptCheckpointError(
            f"The file holds {len(entries):,} tensors; at most {MAX_TENSORS:,} are read."
        )
    places = {name: _place_of(name, entry) for name, entry in entries.items()}
    _check_layout(places, len(content) - start)
    return Header(document, places, start)


def with_document(content: bytes, text: str) -> bytes:
    """A safetensors file with this description in place of any metadata.

    The header is written here, and not by safetensors, whose metadata come in random order: the
    same checkpoint is the same bytes.
    """
    start = data_start(content)
    entries = json.loads(content[8:start])
    metadata = {METADATA_KEY: text, DIGEST_KEY: text_digest(text)}
    header = json.dumps({**entries, "__metadata__": metadata}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % _ALIGNMENT_BYTES)
    return struct.pack("<Q", len(header)) + header + content[start:]


def check_digest(content: bytes | mmap, header: Header) -> None:
    """Compares the tensors' bytes with the digest in the description.

    Raises:
        CorruptCheckpointError: they differ.
    """
    if data_digest(content) != header.document.digest:
        raise CorruptCheckpointError("The tensor bytes do not have the digest that was published.")


def data_digest(content: bytes | mmap) -> str:
    """SHA-256 of everything after the header, in hexadecimal."""
    with memoryview(content) as view, view[data_start(content) :] as data:
        return hashlib.sha256(data).hexdigest()


def text_digest(text: str) -> str:
    """SHA-256 of a text's UTF-8 bytes, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def data_start(content: bytes | mmap) -> int:
    """Where the header ends, by its own account."""
    (length,) = struct.unpack("<Q", content[:8])
    return 8 + int(length)


class _Entry(Frozen):
    """A tensor's entry in a safetensors header."""

    dtype: Literal["F32", "F64"]
    shape: tuple[Annotated[int, Field(ge=1)], ...] = Field(max_length=8)
    data_offsets: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]


def _read_entries(content: bytes | mmap) -> dict[str, object]:
    """The safetensors header as JSON."""
    if len(content) < 8 or data_start(content) > len(content):
        raise ForeignFileError("The file is not a safetensors file, or its header is cut off.")
    if data_start(content) > MAX_HEADER_BYTES:
        raise CorruptCheckpointError(
            f"The header has {data_start(content):,} bytes; at most {MAX_HEADER_BYTES:,} are read."
        )
    try:
        header = parse_json(content[8 : data_start(content)])
    except ValueError as error:
        raise ForeignFileError(f"The file is not a safetensors file; its header {error}.") from None
    if not isinstance(header, dict):
        raise ForeignFileError("The file is not a safetensors file; its header is no JSON object.")
    return header


def _read_document(metadata: object) -> CheckpointDocument:
    texts = metadata if isinstance(metadata, dict) else {}
    text = texts.get(METADATA_KEY)
    if not isinstance(text, str):
        raise _without_document(texts)
    try:
        if text_digest(text) != texts.get(DIGEST_KEY):
            raise CorruptCheckpointError("The description does not have the digest beside it.")
        return CheckpointDocument.model_validate(parse_json(text))
    except ValidationError as error:
        raise CorruptCheckpointError(_first_fault(error)) from None
    except ValueError as error:
        raise CorruptCheckpointError(f"The description {error}.") from None


def _without_document(texts: dict[str, object]) -> CheckpointError:
    """Why there is no description that this version can read."""
    formats = [
        key.removeprefix(METADATA_PREFIX) for key in texts if key.startswith(METADATA_PREFIX)
    ]
    numbers = [int(text) for text in formats if text.isdecimal() and len(text) < 10]
    if numbers and max(numbers) > FORMAT_VERSION:
        return NewerFormatError(
            f"The checkpoint has format {max(numbers)}; this version reads {FORMAT_VERSION}."
        )
    return ForeignFileError("The safetensors file holds no VAE of this project.")


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"])) or "the whole"
    fault = first["msg"].rstrip(".")
    return f"In the description, {_shortened(where)}: {_shortened(fault)}."


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _place_of(name: str, entry: object) -> Place:
    try:
        found = _Entry.model_validate(entry)
    except ValidationError:
        raise CorruptCheckpointError(
            f"The header's entry for tensor {_shortened(name)!r} is wrong."
        ) from None
    return Place(found.dtype, found.shape, *found.data_offsets)


def _check_layout(places: Mapping[str, Place], data_bytes: int) -> None:
    """Every byte of the data belongs to one tensor, so none is hidden and none is shared."""
    position = 0
    for name, place in sorted(places.items(), key=lambda item: item[1].begin):
        item_bytes = _ITEM_BYTES[place.dtype]
        size = math.prod(place.shape) * item_bytes
        if place.begin != position or place.end != position + size or position % item_bytes:
            raise CorruptCheckpointError(f"Tensor {_shortened(name)!r} lies where it cannot.")
        position = place.end
    if position != data_bytes:
        raise CorruptCheckpointError(
            f"The tensors end at byte {position:,} of {data_bytes:,}; the file is torn."
        )
