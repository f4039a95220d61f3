"""Bodies read in pieces: the same as read as a whole, or not at all. Answers are written as one."""

import asyncio
import json as python_json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from app.errors import RefusedBodyError, TooManyRowsError
from app.wire import json, pieces
from app.wire.columns import Table, columns_of
from app.wire.diagnosis import Row
from model_store.schema import Feature
from tests.mutations import mutated

ROWS = {"x": Row((2,), may_have_gaps=True), "image": Row((2, 2))}
OPTIONS = ["n", "widths"]
JOBS = ("cook", "},{", 'the "smith"')
FEATURES = (
    Feature(name="age", kind="real", likelihood="gaussian"),
    Feature(name="job", kind="categorical", likelihood="categorical", categories=JOBS),
)
TABLES = {"records": Table(columns_of(FEATURES), (2,), lambda _: None)}


@pytest.fixture(autouse=True, scope="module")
def small_pieces() -> Iterator[None]:
    """So that a few rows are several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE_BYTES", 64)
        patch.setattr(pieces, "PIECE_NUMBERS", 10)
        yield


def in_pieces(body: bytes) -> dict[str, object] | None:
    return asyncio.run(pieces.decode(body, ROWS, OPTIONS, TABLES))


def whole(body: bytes) -> dict[str, object]:
    return json.decode(body, ROWS, OPTIONS, TABLES)


def same(found: dict[str, object], expected: dict[str, object]) -> bool:
    def equal(a: object, b: object) -> bool:
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            # Digits may come in float32.
            return torch.equal(a.double().nan_to_num(1e300), b.double().nan_to_num(1e300))
        return a == b

    return found.keys() == expected.keys() and all(equal(found[n], expected[n]) for n in found)


TABLE = np.random.default_rng(0).normal(size=(50, 2)).tolist()
WITH_GAPS = [[None, 1.5] if i % 7 == 0 else row for i, row in enumerate(TABLE)]
RECORDS = [{"age": i / 7, "job": JOBS[i % 2 * 2]} for i in range(50)]
IMAGES = np.random.default_rng(1).integers(0, 256, (50, 2, 2)).tolist()
DIGITS = np.random.default_rng(2).integers(0, 10, (50, 2)).tolist()
# Names with what stands between records.
MISLEADING = {"records": [{"age": i / 7, "job": JOBS[1 - i % 3 // 2]} for i in range(50)]}

BODIES = [
    {"x": TABLE},
    {"n": 3, "x": TABLE, "widths": [1, 2]},
    {"x": WITH_GAPS, "n": None},
    {"image": IMAGES, "n": 3},
    {"image": IMAGES, "x": WITH_GAPS, "n": 3},
    {"x": TABLE, "image": IMAGES},
    {"x": DIGITS, "n": 3},
    {"x": DIGITS + TABLE},
    {"x": TABLE + DIGITS},
    {"records": RECORDS, "widths": [1, 2]},
    {"n": 3, "records": RECORDS[::2]},
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
        b'{"x":[\n' + b"[1,2],\n" * 30 + b"[3,4]\n]}",
        b'{ "image" : [ ' + b"[[1,2],[3,4]] , " * 30 + b'[[1,2],[3,4]] ] , "n" : 3 }',
        b'{"records": [\n' + b'  {"age": 1},\n' * 30 + b'  {"job": "cook"}\n], "widths": [1]}\n',
        orjson.dumps({"x": TABLE, "n": 3}, option=orjson.OPT_INDENT_2),
        orjson.dumps({"n": 3, "records": RECORDS}, option=orjson.OPT_INDENT_2),
    ],
)
def test_it_makes_no_difference_how_rows_are_spaced(body: bytes) -> None:
    found = in_pieces(body)

    assert found is not None
    assert same(found, whole(body))


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":[[1,2]]}',
        b'{"x":[' + b"[1,2],[3,4]" * 20 + b"]}",
        b'{"x":[' + b"[1,2]," * 30 + b"[3,4]]",
        b'{"x":[' + b"[1,2]," * 30 + b'[3,4]],"x":[[1,2]]}',
        b'{"x":[' + b"[1,2]," * 30 + b'[3,4]],"image":[' + b"[[1,2],[3,4]]," * 9 + b"[[1,2]]]}",
        b'{"records":[' + b'{"age":1},' * 30 + b'{"age":[{},{}]}]}',
        b'{"n":"' + b"[[1,2],[3,4]]" * 20 + b'","x":[[1,2]]}',
        b'{"y":[' + b"[1,2]," * 30 + b"[3,4]]}",
        b'{"x":[' + b"[1,2]," * 30 + b'["a"]]}',
        b"[" * 500,
        b"]" * 200 + b"[" * 200,
    ],
)
def test_what_cannot_be_cut_is_left_to_be_read_as_a_whole(body: bytes) -> None:
    assert in_pieces(body) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":[' + b"[1,2]," * 30 + b"[3]," + b"[1,2]," * 30 + b"[3]]}",
        b'{"x":[' + b"[1,2]," * 30 + b"[3,[]]]}",
        b'{"image":[' + b"[[1,2],[3,null]]," * 30 + b"[[1,2],[3,4]]]}",
        b'{"image":[' + b"[[1,2],[3,4]]," * 30 + b"[[1,2],[3,true]]]}",
        b'{"records":[' + b'{"age":1},' * 30 + b'{"age":"1"},' + b'{"age":1},' * 30 + b"{}]}",
    ],
)
def test_a_bad_row_has_its_place_in_the_whole_body(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json, "is_costly", lambda _: True)
    monkeypatch.setattr(json, "refuse_costly", lambda _: None)
    with pytest.raises(RefusedBodyError) as as_a_whole:
        whole(body)

    with pytest.raises(RefusedBodyError) as at_once:
        in_pieces(body)

    assert at_once.value.refusals == as_a_whole.value.refusals


@pytest.mark.parametrize("fields", [{"x": TABLE}, {"records": RECORDS}])
def test_too_many_rows_are_refused_before_all_are_read(fields: dict[str, object]) -> None:
    counts: list[int] = []

    def admit(count: int) -> None:
        counts.append(count)
        if count > 20:
            raise TooManyRowsError("Too many.")

    rows = {"x": replace(ROWS["x"], admit=admit)}
    tables = {"records": replace(TABLES["records"], admit=admit)}
    with pytest.raises(TooManyRowsError):
        asyncio.run(pieces.decode(orjson.dumps(fields), rows, OPTIONS, tables))

    *read, all_of_them = counts
    assert 20 < max(read) < 30
    assert all_of_them == 50


@settings(deadline=None)
@given(mutated(st.sampled_from([orjson.dumps(fields) for fields in [*BODIES, MISLEADING]])))
def test_a_damaged_body_gives_what_the_whole_would_or_nothing(body: bytes) -> None:
    found = in_pieces(body)

    assert found is None or same(found, whole(body))


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


class Answer(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str
    table: Tensor
    parts: dict[str, Any]
    error: Tensor | None = None


@pytest.mark.parametrize("rows", [1, 2, 30])
def test_a_large_answer_is_written_as_if_at_once(rows: int) -> None:
    table = torch.linspace(0, 1, rows * 6).reshape(rows, 2, 3)
    parts = {"loc": table.double(), "none": {}, "few": torch.ones(2), "a \u00fc": {"b": table}}
    fields = json.jsonable(Answer(name="x", table=table, parts=parts))

    assert asyncio.run(pieces.encode(fields)) == json.encode(fields)


def test_an_answer_is_large_by_its_numbers() -> None:
    small = Answer(name="x", table=torch.zeros(10), parts={})
    large = Answer(name="x", table=torch.zeros(5, 3), parts={})

    assert not pieces.are_large(json.jsonable(small))
    assert pieces.are_large(json.jsonable(large))
