"""JSON to tensors and back: nothing wrong gets through, nothing right is refused."""

import json
import math
from typing import Annotated, Any

import numpy as np
import orjson
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from app.errors import NotJsonError, RefusedBodyError
from app.schemas.tensors import Axes
from app.wire.diagnosis import Row
from app.wire.json import decode, encode, jsonable
from app.wire.undefined import MayBeUndefined
from model_store.errors import OutOfRangeError

shapes = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
finite = st.floats(allow_nan=False, allow_infinity=False)
integers = st.integers(-(2**70), 2**70)
ragged = st.recursive(
    st.integers(0, 9), lambda inner: st.lists(inner, max_size=3), max_leaves=10
).filter(lambda value: isinstance(value, list))


class Answer(BaseModel):
    values: Annotated[torch.Tensor, Axes("rows")]
    nested: dict[str, Annotated[torch.Tensor, Axes("rows")]] = {}
    missing: int | None = None


def text_of(answer: BaseModel) -> bytes:
    return encode(jsonable(answer))


def tensor(text: bytes, *shape: int) -> torch.Tensor:
    decoded = decode(b'{"x":%s}' % text, {"x": Row(shape)})["x"]
    assert isinstance(decoded, torch.Tensor)
    return decoded


def numpy_shape(value: object) -> tuple[int, ...] | None:
    """The shape of nested lists, if they have one."""
    if not isinstance(value, list):
        return ()
    inner = {numpy_shape(each) for each in value}
    one = inner.pop() if len(inner) == 1 else None
    return None if one is None else (len(value), *one)


@settings(deadline=None)
@given(data=st.data(), shape=shapes, numbers=st.sampled_from([finite, integers]))
def test_rows_come_through_as_they_were_sent(
    data: st.DataObject, shape: tuple[int, ...], numbers: st.SearchStrategy[float]
) -> None:
    count = 2 * math.prod(shape)
    values = data.draw(st.lists(numbers, min_size=count, max_size=count))
    sent = np.array(values, dtype=object).reshape(2, *shape).tolist()

    received = tensor(json.dumps(sent).encode(), *shape)

    assert received.shape == (2, *shape)
    assert received.dtype == torch.float64
    assert received.flatten().tolist() == [float(value) for value in values]


@settings(deadline=None, max_examples=500)
@given(value=ragged, shape=st.sampled_from([(1,), (2,), (3,), (1, 1), (2, 2), (1, 2)]))
def test_lists_are_taken_only_if_they_have_the_shape(
    value: list[Any], shape: tuple[int, ...]
) -> None:
    found = numpy_shape(value)
    right = found is not None and found[1:] == shape and found[0] > 0

    try:
        tensor(json.dumps(value).encode(), *shape)
    except RefusedBodyError:
        assert not right
    else:
        assert right


@pytest.mark.parametrize(
    "text", [b"[[1,[2,3],[]]]", b"[[1,2,3],[[4],5,6]]", b"[[1,2],[3,4,5,6]]", b"[[[1,2,3]]]"]
)
def test_lists_that_flatten_to_the_right_number_are_refused(text: bytes) -> None:
    with pytest.raises(RefusedBodyError):
        tensor(text, 3)


def test_brackets_elsewhere_do_not_spoil_good_rows() -> None:
    fields = decode(b'{"x":[[1,2]],"s":"[[[","t":[[]],"u":{}}', {"x": Row((2,))}, "stu")

    assert fields["x"].tolist() == [[1.0, 2.0]]  # type: ignore[attr-defined]
    assert (fields["s"], fields["t"], fields["u"]) == ("[[[", [], {})


def test_an_option_of_more_than_16_million_entries_does_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The parser's own way to make a list of them writes beyond the list's end.
    monkeypatch.setattr("app.wire.json.refuse_costly", lambda _: None)
    assert decode(b'{"s":[' + b"0," * 2**24 + b"0]}", {}, ["s"]) == {"s": []}


@pytest.mark.parametrize("digits", [300, 308, 309, 350, 399, 400, 5000])
def test_a_list_of_long_integers_is_read_as_floats(digits: int) -> None:
    text = b"9" * digits

    assert decode(b'{"s":[%s]}' % text, {}, ["s"]) == {"s": [float(text)]}


def test_a_field_that_is_not_known_is_named_but_not_read() -> None:
    assert decode(b'{"x":[[1]],"huge":[[[[1]]]]}', {"x": Row((1,))})["huge"] is None


def test_a_name_with_a_zero_byte_is_not_the_name_before_it() -> None:
    assert decode(b'{"x\\u0000":[[1]]}', {"x": Row((1,))}) == {"x\0": None}


def test_minus_zero_keeps_its_sign() -> None:
    assert math.copysign(1, tensor(b"[[-0.0]]", 1).item()) == -1


def test_a_tensor_can_be_handed_to_torch_as_it_is() -> None:
    decoded = tensor(b"[[1,2],[3,4]]", 2)

    decoded += 1  # its memory is writable and its own

    assert decoded.tolist() == [[2.0, 3.0], [4.0, 5.0]]


def test_a_large_body_that_does_not_parse_is_refused_without_a_closer_look() -> None:
    body = b'{"x":[' + b"[1.0000000000]," * 500_000 + b"[1e999]]}"

    with pytest.raises(NotJsonError, match="more than 64 bits"):
        decode(body, {"x": Row((1,))})


def test_where_json_ends_is_told() -> None:
    with pytest.raises(NotJsonError, match="line 2, column 3"):
        decode(b'{"x":\n [}', {})


def test_tensors_are_written_as_arrays_of_numbers() -> None:
    answer = Answer(values=torch.tensor([1.5, 2.0]), nested={"a": torch.tensor([[1], [2]])})

    assert orjson.loads(text_of(answer)) == {"values": [1.5, 2.0], "nested": {"a": [[1], [2]]}}


def test_a_tensor_need_not_lie_in_order_to_be_written() -> None:
    transposed = torch.arange(6.0).view(2, 3).T

    assert orjson.loads(text_of(Answer(values=transposed)))["values"] == transposed.tolist()


def test_null_is_written_only_where_it_was_set() -> None:
    set_to_none = Answer(values=torch.ones(1), missing=None)

    assert "missing" not in orjson.loads(text_of(Answer(values=torch.ones(1))))
    assert orjson.loads(text_of(set_to_none))["missing"] is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused_with_its_row(value: float) -> None:
    with pytest.raises(OutOfRangeError) as refusal:
        text_of(Answer(values=torch.tensor([0.0, 1.0, value])))

    assert (refusal.value.row, refusal.value.quantity) == (2, "values")


def test_what_may_be_undefined_is_null() -> None:
    class Diagnosis(BaseModel):
        k: Annotated[torch.Tensor, Axes("rows"), MayBeUndefined()]

    written = text_of(Diagnosis(k=torch.tensor([math.nan, 0.5, -math.inf])))

    assert json.loads(written) == {"k": [None, 0.5, None]}


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_survive_being_written_and_read(values: list[float]) -> None:
    written = text_of(Answer(values=torch.tensor(values, dtype=torch.float64)))

    assert orjson.loads(written)["values"] == values
