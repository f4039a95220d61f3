"""Safetensors files <-> tensors named as the fields.

In go all floating and integer types, NaN for what is missing. Out go tensors in the types they were
computed in (float32 for most, float64 for sums, int64, bool), NaN for what is undefined; every
other field is text in the file's metadata: as it is if it is text, else as JSON.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import safetensors
import torch
from pydantic import BaseModel
from torch import Tensor

from app.errors import MalformedBodyError
from app.wire.columns import refusal
from app.wire.diagnosis import Row, refuse_unless_shape, why_not_missing
from app.wire.undefined import array_of

MEDIA_TYPE = "application/vnd.safetensors"

# A body has a tensor or two; the parser would make Python objects of a million of them.
_MAX_HEADER_BYTES = 2**16

_DTYPES = {
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "U8": torch.uint8,
    "U16": torch.uint16,
    "U32": torch.uint32,
    "U64": torch.uint64,
}

# Of what numpy has; it has no bfloat16.
_NAMES = {
    np.dtype(str(dtype).removeprefix("torch.")): name
    for name, dtype in _DTYPES.items()
    if dtype != torch.bfloat16
} | {np.dtype(np.bool_): "BOOL"}

_IN_FLOAT32 = (torch.float32, torch.float16, torch.bfloat16)


def decode(content: bytes | memoryview, rows: Mapping[str, Row]) -> dict[str, object]:
    """The tensors of a file, (rows, *shape): float32 where that holds all their values, or float64.

    Whoever computes in float64 converts as many rows at a time as fit a cache. All of them, which
    need not, would take most of the time and of the memory of a large body.

    Args:
        content: The body; a tensor lies where it does if that can be written to.
        rows: The tensors it may hold, and what one row of each is. Others are not read: they are
            what is nested to the schema, which takes none in the place of an option.

    Raises:
        MalformedBodyError: the body is no safetensors file.
        RefusedBodyError: a tensor is not of such rows.
        TooManyRowsError: it has more of them than the server takes.
    """
    size = int.from_bytes(content[:8], "little")
    if size > _MAX_HEADER_BYTES:
        raise MalformedBodyError(
            f"The body is no safetensors file, or its header has more than {_MAX_HEADER_BYTES:,} "
            "bytes."
        )
    entries = _in_place(memoryview(content), 8 + size)
    if entries is None:
        try:
            entries = safetensors.deserialize(bytes(content))  # type: ignore[no-untyped-call]
        except (safetensors.SafetensorError, UnicodeError):
            raise MalformedBodyError("The body is no safetensors file.") from None
    return {n: _tensor(n, entry, rows[n]) if n in rows else {} for n, entry in entries}


def encode(answer: BaseModel) -> bytes:
    """The fields, without those that were never set and are None; parts as `parameters.loc`.

    Raises:
        OutOfRangeError: a number is not finite in a field where that does not mean undefined.
    """
    known, values = answer.model_fields_set, answer.__dict__
    tensors: dict[str, np.ndarray] = {}
    metadata: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Tensor):
            tensors[name] = array_of(type(answer), name, value)
        elif isinstance(value, dict):
            tensors |= _parts(type(answer), name, value)
        elif value is not None or name in known:
            metadata[name] = value if isinstance(value, str) else _as_json(value)
    return _file(tensors, metadata)


def _file(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """The file that `safetensors` writes, but for the order of the metadata, which there is chance.

    The same answer has the same bytes.
    """
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    content, end = [], 0
    # The widest first, so that each begins where numbers of its width may.
    for name in sorted(arrays, key=lambda name: (-arrays[name].itemsize, name)):
        array = arrays[name]
        start, end = end, end + array.nbytes
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": array.shape,
            "data_offsets": (start, end),
        }
        content.append(array.tobytes())
    head = orjson.dumps(header)
    head += b" " * (-len(head) % 8)
    return b"".join([len(head).to_bytes(8, "little"), head, *content])


def _parts(body: type[BaseModel], name: str, parts: Mapping[str, Any]) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for key, value in parts.items():
        path = f"{name}.{key}"
        if isinstance(value, Mapping):
            found |= _parts(body, path, value)
        else:
            found[path] = array_of(body, path, value)
    return found


def _in_place(content: memoryview, start: int) -> list[tuple[str, Mapping[str, Any]]] | None:
    """The entries of a plain file, as the library gives them but not copied; None of any other.

    In a plain file the data of tensors follow each other in the order of the header, which holds
    nothing else.

    Args:
        content: The file.
        start: Where its data begin.
    """
    try:
        header = orjson.loads(content[8:start])
    except orjson.JSONDecodeError:
        return None
    entries: list[tuple[str, Mapping[str, Any]]] = []
    place = start
    for name, entry in header.items() if type(header) is dict else ():
        count = _count_of(entry, place - start)
        if count is None:
            return None
        size = _DTYPES[entry["dtype"]].itemsize
        data = content[place : place + count * size]
        # What cannot be written to, or begins where no number may, is copied.
        if data.readonly or place % size:
            data = memoryview(bytearray(data))
        entries.append((name, {**entry, "data": data}))
        place += count * size
    return entries if entries and place == len(content) else None


def _count_of(entry: object, begin: int) -> int | None:
    """How many numbers a header's entry stands for, if they begin there and it is plain."""
    if type(entry) is not dict or entry.keys() != {"dtype", "shape", "data_offsets"}:
        return None
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if type(dtype) is not str or dtype not in _DTYPES:
        return None
    if type(shape) is not list or type(offsets) is not list:
        return None
    if not all(type(number) is int and number >= 0 for number in (*shape, *offsets)):
        return None
    count = math.prod(shape)
    return count if offsets == [begin, begin + count * _DTYPES[dtype].itemsize] else None


def _as_json(value: object) -> str:
    return orjson.dumps(value, default=BaseModel.model_dump).decode()


def _tensor(name: str, entry: Mapping[str, Any], row: Row) -> Tensor:
    dtype, shape = _DTYPES.get(entry["dtype"]), tuple(entry["shape"])
    refuse_unless_shape(name, shape, row, cell=False if entry["dtype"] == "BOOL" else 0.0)
    if dtype is None:
        raise refusal(name, f"has type {entry['dtype']}; needed floats or integers")
    values = torch.frombuffer(entry["data"], dtype=dtype).view(shape)
    if dtype.is_floating_point:
        _refuse_unless_finite(name, values, row)
    return values.to(torch.float32 if dtype in _IN_FLOAT32 else torch.float64)


def _refuse_unless_finite(name: str, values: Tensor, row: Row) -> None:
    # A look that writes nothing down. Of finite numbers too the sum may overflow.
    if math.isfinite(float(values.sum())):
        return
    wrong = values.isinf() if row.may_have_gaps else ~values.isfinite()
    if not wrong.any():
        return
    # Not torch.nonzero, which lists every place.
    place = np.unravel_index(int(wrong.numpy().argmax()), wrong.shape)
    came = float(values[tuple(map(int, place))])
    where = name + "".join(f"[{index}]" for index in place)
    if math.isnan(came):
        raise refusal(where, why_not_missing("NaN"))
    raise refusal(where, f"is {came}; needed a finite number")
