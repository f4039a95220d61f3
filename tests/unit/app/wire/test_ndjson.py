"""Bytes to lines, however they are cut."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wire.columns import Column, Table
from app.wire.diagnosis import Row
from app.wire.ndjson import Decoded, Decoder, Line, Lines

TABLE = Table(
    {"n": Column("n", 0), "c:d": Column("c:d", 1), "job": Column("job", 2, ("cook", "a:b"))},
    (3,),
    lambda _: None,
)

TEXT = b'{"a": 1}\n\n  \n[1, 2]\r\n7'
LINES = [Line(1, b'{"a": 1}'), Line(4, b"[1, 2]"), Line(5, b"7")]


@given(st.lists(st.integers(0, len(TEXT))))
def test_where_the_bytes_are_cut_makes_no_difference(cuts: list[int]) -> None:
    lines, ends = Lines(100), [0, *sorted(cuts), len(TEXT)]

    for start, stop in pairwise(ends):
        lines.feed(TEXT[start:stop])
    lines.finish()

    assert lines.take(10) == LINES


def test_a_line_that_is_too_long_is_told_once_and_before_its_end() -> None:
    lines = Lines(5)

    for _ in range(3):
        lines.feed(b"1234")
    told = lines.take(10)
    lines.feed(b"\n12\n")

    assert told == [Line(1, None)]
    assert lines.take(10) == [Line(2, b"12")]


def test_a_line_of_100_megabytes_takes_no_memory() -> None:
    lines, part = Lines(2**20), b"1" * 2**16
    tracemalloc.start()

    for _ in range(1600):
        lines.feed(part)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 3 * 2**20


def test_no_more_is_taken_than_was_asked_for() -> None:
    lines = Lines(10)

    lines.feed(b"1\n2\n3\n")

    assert [line.content for line in lines.take(2)] == [b"1", b"2"]
    assert [line.content for line in lines.take(2)] == [b"3"]


def decoded(*lines: bytes) -> Decoded:
    return Decoder(Row((3,), may_have_gaps=True), TABLE).decode(lines)


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b"[1, 2.5, 0]", [1, 2.5, 0]),
        (b"[null, -0.0, 1e3]", [np.nan, 0, 1000]),
        (b'{"job": "cook", "n": 1}', [1, np.nan, 0]),
        (b'{"job": "a:b", "c:d": 2}', [np.nan, 2, 1]),
        (b'{"job": null, "n": 2e300}', [2e300, np.nan, np.nan]),
        (b"[18446744073709551615, 9007199254740993, 0]", [2.0**64, 2.0**53, 0]),
        (b"{}", [np.nan] * 3),
    ],
)
def test_a_line_is_a_row(line: bytes, row: list[float]) -> None:
    found = decoded(line)

    np.testing.assert_array_equal(found.rows, [row])
    assert not found.faults


@pytest.mark.parametrize(
    "line",
    [
        b'{"n": 1, "n": 2}',
        b'{"n": true}',
        b'{"n": "1"}',
        b'{"n": [1]}',
        b'{"job": 0}',
        b'{"job": "baker"}',
        b'{"m": 1}',
        b"[1, 2]",
        b"[1, 2, false]",
        b"[1, 2, [3]]",
        b"[[1, 2, 3]]",
        b'[1, 2, "3"]',
        b"[1, 2, 18446744073709551616]",
        b"[1, 2, 1e400]",
        b"[1, 2, NaN]",
        b"7",
        b"[1, 2, 3], [1, 2, 3]",
        b"\xff",
    ],
)
def test_a_line_that_is_no_row_leaves_the_others_as_they_are(line: bytes) -> None:
    found = decoded(b"[1, 2, 0]", line, b"[3, 4, 1]")

    assert found.rows.tolist() == [[1, 2, 0], [3, 4, 1]]
    assert found.faults.keys() == {1}


def test_gaps_are_refused_where_there_can_be_none() -> None:
    found = Decoder(Row((2, 1)), None).decode([b"[[1], [null]]", b"[[1], [2]]"])

    assert found.rows.tolist() == [[[1], [2]]]
    assert found.faults.keys() == {0}
