"""Null in the place of a number: NaN where a value may be missing, refused where it may not."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import RefusedBodyError
from app.wire.diagnosis import Row
from app.wire.json import decode

TABLE = Row((2,), may_have_gaps=True)
cells = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)


def rows_of(body: bytes, **rows: Row) -> torch.Tensor:
    decoded = decode(body, rows or {"x": TABLE}, ["s", "t"])["x"]
    assert isinstance(decoded, torch.Tensor)
    return decoded


@settings(deadline=None, max_examples=300)
@given(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1))
def test_null_is_nan_and_everything_else_is_itself(sent: list[list[float | None]]) -> None:
    decoded = rows_of(json.dumps({"x": sent}).encode())

    expected = [[math.nan if cell is None else float(cell) for cell in row] for row in sent]
    np.testing.assert_array_equal(decoded.numpy(), expected)


def test_gaps_are_found_in_rows_of_more_than_one_axis() -> None:
    decoded = rows_of(b'{"x":[[[1,null]],[[null,4]]]}', x=Row((1, 2), may_have_gaps=True))

    np.testing.assert_array_equal(decoded.numpy(), [[[1, np.nan]], [[np.nan, 4]]])


@pytest.mark.parametrize(
    "number", ["1e99", "10e98", "0.1e100", "9e99", "1E99", "1e+99", "1" + "0" * 99]
)
def test_no_number_is_taken_for_a_missing_value(number: str) -> None:
    others = ",".join(f"[{digit}e99,0]" for digit in range(2, 9))

    decoded = rows_of(b'{"x":[[%s,null],%s]}' % (number.encode(), others.encode()))

    assert decoded[0, 0] == float(number)
    assert torch.isnan(decoded).sum() == 1


@pytest.mark.parametrize("others", [b'"s":null', b'"s":"null"', b'"null":0', b'"s":null,"t":null'])
def test_null_elsewhere_is_no_gap(others: bytes) -> None:
    decoded = rows_of(b'{%s,"x":[[1e99,2],[null,4]]}' % others)

    np.testing.assert_array_equal(decoded.numpy(), [[1e99, 2], [np.nan, 4]])


def test_the_quickly_read_rows_can_be_written_to() -> None:
    decoded = rows_of(b'{"x":[[1,null]]}')

    decoded += 1

    assert decoded[0, 0] == 2


@pytest.mark.parametrize(
    ("x", "place"),
    [
        (b"[[1,2],null]", "x[1]"),
        (b"[[1,2],[null]]", "x[1]"),
        (b"[[1,null],[null,2,3]]", "x[1]"),
        (b'[[1,null],[null,"2"]]', "x[1][1]"),
        (b"[[1,null],[null,true]]", "x[1][1]"),
        (b"[[1,null],[null,[2]]]", "x[1][1]"),
    ],
)
def test_what_is_wrong_beside_a_gap_is_told_where(x: bytes, place: str) -> None:
    with pytest.raises(RefusedBodyError) as refusal:
        rows_of(b'{"x":%s}' % x)

    assert refusal.value.refusals[0].location == place


def test_null_is_refused_where_no_value_may_be_missing() -> None:
    with pytest.raises(RefusedBodyError, match=r"z\[0\]\[1\] is null; needed a number"):
        rows_of(b'{"x":[[null,2]],"z":[[1,null]]}', x=TABLE, z=Row((2,)))
