"""Safetensors to tensors and back: every number type in, every field out."""

import json
import math
import struct
from typing import Annotated, Any

import numpy as np
import pytest
import safetensors
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from safetensors.numpy import load
from safetensors.torch import save
from torch import Tensor

from app.errors import MalformedBodyError, RefusedBodyError, TooManyRowsError
from app.schemas.tensors import Axes, PerRowOrNull
from app.wire.diagnosis import Row
from app.wire.safetensors import decode, encode
from model_store.errors import OutOfRangeError

TABLE = Row((2,), may_have_gaps=True)
ROWS = {"x": TABLE, "z": Row((2,))}
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
INTEGERS = (torch.int8, torch.int16, torch.int32, torch.int64)
UNSIGNED = (torch.uint8, torch.uint16, torch.uint32, torch.uint64)


class Version(BaseModel):
    name: str
    version: int


class Answer(BaseModel):
    values: Annotated[Tensor, Axes("rows")]
    undefined: PerRowOrNull | None = None
    parts: dict[str, Any] = {}
    model: Version = Version(name="m", version=3)
    count: int | None = None
    units: str = "nats"


def read(**tensors: Tensor) -> dict[str, Any]:
    return decode(save(tensors), ROWS)


def metadata_of(content: bytes) -> dict[str, str]:
    end = 8 + struct.unpack("<Q", content[:8])[0]
    return dict(json.loads(content[8:end])["__metadata__"])


def test_what_came_in_float32_takes_no_more_room() -> None:
    assert read(x=torch.ones(3, 2))["x"].dtype == torch.float32


def test_numbers_whose_sum_is_not_finite_are_finite() -> None:
    largest = torch.full((3, 2), torch.finfo(torch.float32).max)

    assert torch.equal(read(x=largest)["x"], largest)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, *UNSIGNED], ids=str)
def test_numbers_of_every_type_are_the_same_numbers(dtype: torch.dtype) -> None:
    decoded = read(x=torch.tensor([[1, 2], [3, 100]]).to(dtype))["x"]

    assert decoded.dtype in {torch.float32, torch.float64}
    assert decoded.tolist() == [[1, 2], [3, 100]]


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_nan_is_a_missing_value(dtype: torch.dtype) -> None:
    decoded = read(x=torch.tensor([[1, math.nan]]).to(dtype))["x"]

    assert decoded.isnan().tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"x": torch.zeros(1, 3)}, r"x\[0\] has 3 values; this model takes 2"),
        ({"x": torch.zeros(2)}, r"x\[0\] is a number; this model takes rows of 2"),
        ({"x": torch.tensor(0.0)}, "x is a number; needed an array of rows"),
        ({"x": torch.zeros([1] * 50)}, r"x\[0\]\[0\] is an array; needed a number"),
        ({"x": torch.zeros(0, 2)}, "x has no rows; needed at least one"),
        ({"x": torch.zeros(1, 2, dtype=torch.bool)}, r"x\[0\]\[0\] is a boolean; needed a number"),
        ({"x": torch.zeros(1, 2, dtype=torch.float8_e5m2)}, "x has type F8_E5M2; needed"),
        ({"x": torch.tensor([[0, 0], [0, math.inf]])}, r"x\[1\]\[1\] is inf; needed a finite"),
        ({"z": torch.tensor([[0, math.inf]])}, r"z\[0\]\[1\] is inf; needed a finite number"),
        (
            {"z": torch.tensor([[0, math.nan]])},
            r"z\[0\]\[1\] is NaN; needed a number, for no value",
        ),
    ],
    ids=str,
)
def test_what_is_no_tensor_of_such_rows_is_told(tensors: dict[str, Tensor], message: str) -> None:
    with pytest.raises(RefusedBodyError, match=message):
        read(**tensors)


def test_a_tensor_that_is_not_known_is_named_but_not_read() -> None:
    decoded = read(x=torch.ones(1, 2), y=torch.zeros(3, dtype=torch.bool))

    assert decoded["y"] == {}


def test_too_many_rows_are_refused_whatever_they_are() -> None:
    def admit(count: int) -> None:
        raise TooManyRowsError(f"{count} are too many.")

    with pytest.raises(TooManyRowsError, match="7 are too many"):
        decode(save({"x": torch.full((7, 3), math.inf)}), {"x": Row((2,), admit=admit)})


def test_a_shape_as_long_as_memory_is_told_without_taking_any() -> None:
    header = b'{"x":{"dtype":"F32","shape":[1,1099511627776,0],"data_offsets":[0,0]}}'

    with pytest.raises(RefusedBodyError, match=r"x\[0\]\[0\] is an array"):
        decode(struct.pack("<Q", len(header)) + header, ROWS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\0" * 8,
        b"\xff" * 100,
        b"\x02\0\0\0\0\0\0\0{}x",
        save({"x": torch.ones(1, 2)})[:-1],
    ],
)
def test_what_is_no_file_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedBodyError, match="is no safetensors file"):
        decode(content, ROWS)


def test_a_header_of_a_million_tensors_is_not_read() -> None:
    header = json.dumps(
        {f"t{i}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for i in range(2000)}
    )
    content = struct.pack("<Q", len(header)) + header.encode()

    assert len(safetensors.deserialize(content)) == 2000  # it is a file
    with pytest.raises(MalformedBodyError, match="more than 65,536 bytes"):
        decode(content, ROWS)


@settings(deadline=None, max_examples=300)
@given(content=st.binary(max_size=60), position=st.integers(0, 90), whole=st.booleans())
def test_any_bytes_are_tensors_or_refused(content: bytes, position: int, whole: bool) -> None:
    file = save({"x": torch.ones(1, 2)})
    changed = content if whole else file[:position] + content[:2] + file[position + 2 :]

    try:
        decoded = decode(changed, ROWS)
    except (MalformedBodyError, RefusedBodyError):
        return

    tensors = [value for value in decoded.values() if value != {}]
    assert all(isinstance(t, Tensor) and t.is_floating_point() for t in tensors)
    assert all(t.shape[1:] == (2,) for t in tensors)


def in_memory(content: bytes, offset: int = 0) -> memoryview:
    """The file where it can be written to, so many bytes from where numbers may begin."""
    buffer = np.zeros(len(content) + offset, np.uint8)
    buffer[offset:] = np.frombuffer(content, np.uint8)
    return buffer.data[offset:]


def test_a_tensor_lies_where_the_body_does() -> None:
    content = in_memory(save({"x": torch.zeros(3, 2), "z": torch.zeros(1, 2)}))

    decoded = decode(content, ROWS)
    content[-8:] = np.float32([1, 2]).tobytes()

    assert decoded["z"].tolist() == [[1, 2]]


def test_numbers_that_begin_anywhere_are_read() -> None:
    header = b'{"x":{"dtype":"F64","shape":[1,2],"data_offsets":[0,16]}}'
    content = struct.pack("<Q", len(header)) + header + np.float64([1, 2]).tobytes()

    assert decode(in_memory(content), ROWS)["x"].tolist() == [[1, 2]]


FILE = save({"x": torch.ones(1, 2), "z": torch.zeros(1, 2, dtype=torch.int8)})
# Of lengths at which the offsets in it stay true.
CHANGES = {
    b'"F32"': [b'"I32"', b'"U32"', b'"F64"', b'"XXX"', b"12345", b"[[1]]"],
    b"[1,2]": [b"[2,1]", b"[2  ]", b"[1.0]", b"[-12]", b"[1e0]", b'"1,2"', b"[12,]"],
    b"[0,8]": [b"[1,9]", b"[0,9]", b"[8,0]", b"[[0]]", b"[.0,8", b"  [0]"],
    b'"shape"': [b'"Shape"', b'"dtype"', b'"shap" '],
    b'"x"': [b'"z"', b'"y"', b"  1"],
}


@pytest.mark.parametrize(
    ("old", "new"), [(old, new) for old, others in CHANGES.items() for new in others]
)
def test_no_file_is_read_that_the_library_refuses(old: bytes, new: bytes) -> None:
    changed = FILE.replace(old, new, 1)
    try:
        expected = dict(safetensors.deserialize(changed))
    except safetensors.SafetensorError:
        expected = None

    try:
        decoded = decode(in_memory(changed), ROWS)
    except MalformedBodyError:
        assert expected is None
    except RefusedBodyError:
        assert expected is not None
    else:
        assert expected is not None
        assert decoded.keys() == expected.keys()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.bool], ids=str)
def test_tensors_go_out_as_they_are(dtype: torch.dtype) -> None:
    values = torch.tensor([0, 1, 1]).to(dtype)

    written = load(encode(Answer(values=values)))["values"]

    assert written.dtype == values.numpy().dtype
    np.testing.assert_array_equal(written, values)


def test_parts_go_out_under_their_path() -> None:
    parts = {"loc": torch.ones(1), "age": {"scale": torch.zeros(1)}}

    written = load(encode(Answer(values=torch.ones(1), parts=parts)))

    assert written.keys() == {"values", "parts.loc", "parts.age.scale"}


def test_everything_else_is_text_in_the_metadata() -> None:
    written = metadata_of(encode(Answer(values=torch.ones(1), count=None)))

    assert written == {"model": '{"name":"m","version":3}', "count": "null", "units": "nats"}


def test_what_is_undefined_is_nan_and_elsewhere_refused() -> None:
    undefined = torch.tensor([math.inf, 1.0])

    written = load(encode(Answer(values=torch.ones(2), undefined=undefined)))["undefined"]

    np.testing.assert_array_equal(written, [np.nan, 1])
    with pytest.raises(OutOfRangeError):
        encode(Answer(values=undefined))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.int64, torch.bool])
def test_the_file_is_the_librarys(dtype: torch.dtype) -> None:
    class Two(BaseModel):
        a: Annotated[Tensor, Axes("rows")]
        b: Annotated[Tensor, Axes("rows")]
        units: str = "nats"

    tensors = {"a": torch.ones(3, dtype=dtype), "b": torch.ones(2, 3, dtype=torch.float64)}

    assert encode(Two(**tensors)) == save(tensors, {"units": "nats"})


def test_the_same_answer_has_the_same_bytes() -> None:
    answer = Answer(values=torch.ones(3), count=2)

    # Of five texts by chance once in 120 times.
    assert list(metadata_of(encode(answer))) == ["model", "count", "units"]
