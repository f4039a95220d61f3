"""Bytes to lines, however they are cut."""

import tracemalloc
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.wire.ndjson import Line, Lines

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
