"""Rows of digits, read without a parser: what the parser reads, or nothing."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.wire.digits import read_digits, template_of
from tests.mutations import mutated

SHAPES = ((1,), (3,), (2, 2), (1, 2, 3))


def written(rows: np.ndarray, number: str, comma: str) -> bytes:
    """The rows as JSON, each digit written so, without the brackets around all of them."""

    def text(value: Any) -> str:  # noqa: ANN401 - nested lists of digits
        if isinstance(value, list):
            return "[" + comma.join(map(text, value)) + "]"
        return number % value

    return comma.join(map(text, rows.tolist())).encode()


@st.composite
def rows_of_digits(draw: st.DrawFn) -> np.ndarray:
    shape = draw(st.sampled_from(SHAPES))
    count = draw(st.integers(2, 5))
    numbers = count * math.prod(shape)
    digits = draw(st.lists(st.integers(0, 9), min_size=numbers, max_size=numbers))
    return np.array(digits).reshape(count, *shape)


alike = st.sampled_from([("%d", ","), ("%d", ", "), ("%d.0", ","), ("%d.0", " ,\n")])


@given(rows_of_digits(), alike)
def test_what_is_written_alike_is_read(rows: np.ndarray, how: tuple[str, str]) -> None:
    found = read_digits(written(rows, *how), rows.shape[1:])

    assert found is not None
    assert np.array_equal(found, rows)


@given(rows_of_digits(), alike, st.data())
def test_whatever_is_read_is_what_a_parser_reads(
    rows: np.ndarray, how: tuple[str, str], data: st.DataObject
) -> None:
    text = data.draw(mutated(st.just(written(rows, *how))))

    found = read_digits(text, rows.shape[1:])

    if found is not None:
        assert np.array_equal(found, json.loads(b"[" + text + b"]"))


@given(st.binary(max_size=64), st.sampled_from(SHAPES))
@example(b"", (1,))
@example(b"[", (1,))
@example(b"][", (1,))
@example(b"[[1]]", (1, 1))
def test_any_bytes_are_read_as_a_parser_would_or_not_at_all(
    text: bytes, shape: tuple[int, ...]
) -> None:
    found = read_digits(text, shape)

    if found is not None:
        assert np.array_equal(found, json.loads(b"[" + text + b"]"))


@pytest.mark.parametrize(
    "text",
    [
        b"[1,2]",
        b"[1,2],[3,10]",
        b"[1,2],[3,-1]",
        b"[1,2],[3,4.5]",
        b"[1.0,2.0],[3.0,4.5]",
        b"[1.5,2.5],[3.5,4.5]",
        b"[01,02],[03,04]",
        b"[1,2],[3,null]",
        b"[1,2],[3,4],",
        b"[1,2],[3,4] [5,6]",
        b"[1,2,3],[4,5,6]",
        b"[1,2];[3,4]",
        b"[1,2]  [3,4]",
        b"[1e0,2e0],[3e0,4e0]",
        b'["1","2"],["3","4"]',
    ],
)
def test_everything_else_is_left_to_the_parser(text: bytes) -> None:
    assert read_digits(text, (2,)) is None


def body(rows: np.ndarray, how: tuple[str, str], rest: str = '"seed":1') -> bytes:
    return b'{"inputs":[%s],%s}' % (written(rows, *how), rest.encode())


@given(rows_of_digits(), alike)
def test_bodies_that_differ_in_digits_are_read_together(
    rows: np.ndarray, how: tuple[str, str]
) -> None:
    others = [rows, 9 - rows, rows // 2]
    bodies = [body(each, how) for each in others]

    template = template_of(bodies[0], rows)

    assert template is not None
    fits, found = template.read(bodies)
    assert fits == [True] * 3
    assert np.array_equal(found, others)


@given(rows_of_digits(), alike, st.data())
def test_a_body_is_read_as_a_parser_would_or_not_at_all(
    rows: np.ndarray, how: tuple[str, str], data: st.DataObject
) -> None:
    first = body(rows, how)
    other = data.draw(mutated(st.just(first))).ljust(len(first))[: len(first)]

    template = template_of(first, rows)

    assert template is not None
    (fits,), (found,) = template.read([other])
    if fits:
        fields = json.loads(other)
        assert fields["seed"] == 1
        assert np.array_equal(found, fields["inputs"])


@pytest.mark.parametrize(
    "first",
    [
        b'{"inputs":[[1,2],[3,14]]}',
        b'{"inputs":[[1,2],[3,null]]}',
        b'{"what":"[[1,2],[3,4]]","inputs":[[1,2],[3,4]]}',
        b'{"inputs":[[1,2],[3,4]],"what":"[[1,2],[3,4]]"}',
        b'{"inputs":[[5,6],[7,8]],"seed":1}',
        b'{"inputs":[1,2,3,4]}',
        b"{}",
    ],
)
def test_a_first_body_of_anything_else_tells_nothing_of_others(first: bytes) -> None:
    assert template_of(first, np.array([[1, 2], [3, 4]])) is None
