"""Bodies read in pieces: the same as read as a whole, or not read at all."""

import asyncio
import json as python_json
from collections.abc import Iterator

import numpy as np
import orjson
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from app.wire import json, pieces
from app.wire.diagnosis import Row
from tests.mutations import mutated

ROWS = {"x": Row((2,), may_have_gaps=True), "image": Row((2, 2))}
OPTIONS = ["n", "widths"]


@pytest.fixture(autouse=True, scope="module")
def small_pieces() -> Iterator[None]:
    """So that a few rows are several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE_BYTES", 64)
        yield


def in_pieces(body: bytes) -> dict[str, object] | None:
    return asyncio.run(pieces.decode(body, ROWS, OPTIONS, {}))


def whole(body: bytes) -> dict[str, object]:
    return json.decode(body, ROWS, OPTIONS)


def same(found: dict[str, object], expected: dict[str, object]) -> bool:
    def equal(a: object, b: object) -> bool:
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            return torch.equal(a.nan_to_num(1e300), b.nan_to_num(1e300))
        return a == b

    return found.keys() == expected.keys() and all(equal(found[n], expected[n]) for n in found)


TABLE = np.random.default_rng(0).normal(size=(50, 2)).tolist()
WITH_GAPS = [[None, 1.5] if i % 7 == 0 else row for i, row in enumerate(TABLE)]
IMAGES = np.random.default_rng(1).integers(0, 256, (50, 2, 2)).tolist()

BODIES = [
    {"x": TABLE},
    {"n": 3, "x": TABLE, "widths": [1, 2]},
    {"x": WITH_GAPS, "n": None},
    {"image": IMAGES, "n": 3},
]


@pytest.mark.parametrize("fields", BODIES)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_pieces_give_what_the_whole_body_gives(
    fields: dict[str, object], separators: tuple[str, str]
) -> None:
    body = python_json.dumps(fields, separators=separators).encode()

    found = in_pieces(body)

    assert found is not None
    assert same(found, whole(body))


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":[[1,2]]}',
        b'{"x":[' + b"[1,2],[3,4]" * 20 + b"]}",
        b'{"x":[' + b"[1,2]," * 30 + b"[3]]}",
        b'{"x":[' + b"[1,2]," * 30 + b"[3,4]]",
        b'{"x":[' + b"[1,2]," * 30 + b'[3,4]],"x":[[1,2]]}',
        b'{"x":[' + b"[1,2]," * 30 + b'[3,4]],"image":[' + b"[[1,2],[3,4]]," * 9 + b"[[1,2]]]}",
        b'{"n":"' + b"[[1,2],[3,4]]" * 20 + b'","x":[[1,2]]}',
        b'{"image":[' + b"[[1,2],[3,null]]," * 30 + b"[[1,2],[3,4]]]}",
        b'{"y":[' + b"[1,2]," * 30 + b"[3,4]]}",
        b"[" * 500,
        b"]" * 200 + b"[" * 200,
    ],
)
def test_what_cannot_be_cut_is_left_to_be_read_as_a_whole(body: bytes) -> None:
    assert in_pieces(body) is None


@given(mutated(st.sampled_from([orjson.dumps(fields) for fields in BODIES])))
def test_a_damaged_body_gives_nothing_that_the_whole_would_not(body: bytes) -> None:
    found = in_pieces(body)

    if found is not None:
        assert same(found, whole(body))


def test_others_have_a_turn_between_pieces() -> None:
    turns = 0

    async def main() -> None:
        reading = asyncio.ensure_future(pieces.decode(orjson.dumps(BODIES[0]), ROWS, OPTIONS, {}))
        nonlocal turns
        while not reading.done():
            turns += 1
            await asyncio.sleep(0)

    asyncio.run(main())

    assert turns > 10
