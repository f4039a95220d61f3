"""No body takes more than a few times its own size in memory, beside the tensors it becomes."""

import json
import struct

import pytest

from tests.memory import growth
from tests.processes import returned_by

SIZE = 2**22


def file_of(dtype: str, shape: list[int], size: int) -> bytes:
    """The start of a safetensors file, up to the data."""
    tensor = {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}
    header = json.dumps({"inputs": tensor}).encode()
    return struct.pack("<Q", len(header)) + header


@pytest.mark.parametrize(
    ("before", "unit", "after"),
    [
        (struct.pack("<Q", SIZE + 8) + b'{"x":"', b"a", b'"}'),
        (struct.pack("<Q", 2**62), b" ", b""),
        (file_of("U8", [SIZE // 2, 2], SIZE), b"\0", b""),
        (file_of("U8", [SIZE], SIZE), b"\0", b""),
        (file_of("F16", [SIZE // 4, 2], SIZE), b"\0\0", b""),
        (file_of("F16", [SIZE // 4, 2], SIZE), b"\0\x7c", b""),
        (file_of("F64", [SIZE // 16, 2], SIZE), b"\xff" * 8, b""),
    ],
    ids=repr,
)
def test_a_safetensors_file_takes_itself_a_few_times(
    before: bytes, unit: bytes, after: bytes
) -> None:
    assert returned_by(growth, "safetensors", before, unit, after, SIZE) < 4


@pytest.mark.parametrize(
    ("before", "unit", "after"),
    [
        (b"", b",", b""),
        (b"age,job\n", b",", b""),
        (b"age,job\n", b"1,", b""),
        (b"age,job\n", b'"', b""),
        (b"age,job\n", b'"\n",', b""),
        (b"age,job\n", b"\n", b""),
        (b"age,job\n", b",\n", b""),
        (b"age,job\n", b"1,cook\n", b""),
        (b"age,job\n", b"1", b",cook\n"),
        ("age,job\n😀".encode(), b"1", b",cook\n"),
    ],
    ids=repr,
)
def test_a_table_takes_itself_a_few_times(before: bytes, unit: bytes, after: bytes) -> None:
    assert returned_by(growth, "csv", before, unit, after, SIZE) < 5


@pytest.mark.parametrize(
    ("before", "unit", "after"),
    [
        (b"", b"[", b""),
        (b'{"inputs":', b"[", b""),
        (b'{"inputs":[', b"[],", b"[]]}"),
        (b'{"inputs":[', b"null,", b"0]}"),
        (b'{"inputs":[', b"0,", b"0]}"),
        (b'{"inputs":[', b"[0,0],", b"[0,0]]}"),
        (b'{"inputs":[', b"[0,0],", b"[0,1e999]]}"),
        (b'{"inputs":[', b"[0,0],", b'[0,"0"]]}'),
        (b'{"inputs":[[0,', b"1", b"]]}"),
        (b'{"seed":"', b"\\u00e9", b'"}'),
        (b'{"resolution":[', b"0,", b"0]}"),
        (b'{"other":[', b"[],", b"0]}"),
        (b'{"records":[', b"{},", b"{}]}"),
        (b'{"records":[{', b'"age":1,', b'"age":1}]}'),
    ],
    ids=repr,
)
def test_json_takes_itself_a_few_times(before: bytes, unit: bytes, after: bytes) -> None:
    assert returned_by(growth, "json", before, unit, after, SIZE) < 6


@pytest.mark.parametrize(
    ("before", "unit", "after"),
    [
        (b'{"inputs":[', b"[0,0],", b"[0,0]]}"),
        (b'{"latents":[', b"[[0,0,0],[0,0,0]],", b"[[0,0,0],[0,0,0]]]}"),
        (b'{"records":[', b'{"age":1,"job":"cook"},', b'{"age":1}]}'),
        (b'{"records":[', b"{},", b"{}]}"),
    ],
    ids=repr,
)
def test_rows_take_less_than_their_text(before: bytes, unit: bytes, after: bytes) -> None:
    assert returned_by(growth, "json in pieces", before, unit, after, 4 * SIZE) < 2
