"""Rows of a table as objects: the same numbers as in arrays, and told by name what is wrong."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import RefusedBodyError, TooManyRowsError
from app.wire import records as records_module
from app.wire.columns import Table, columns_of
from app.wire.json import decode
from model_store.schema import Feature

COLOURS = ("blue", "green", "red")
FEATURES = (
    Feature(name="age", kind="real", likelihood="gaussian"),
    Feature(name="colour", kind="categorical", likelihood="categorical", categories=COLOURS),
    Feature(name="visits", kind="count", likelihood="poisson"),
)


def at_most_ten(rows: int) -> None:
    if rows > 10:
        raise TooManyRowsError("Too many.")


TABLE = Table(columns_of(FEATURES), (3,), at_most_ten)


def read(records: object, table: Table = TABLE) -> np.ndarray:
    return read_text(json.dumps(records).encode(), table)


def read_text(text: bytes, table: Table = TABLE) -> np.ndarray:
    decoded = decode(b'{"records":%s}' % text, {}, ["records"], {"records": table})["records"]
    assert isinstance(decoded, torch.Tensor)
    assert decoded.dtype == torch.float64
    return decoded.numpy()


def refusal_of(records: object, table: Table = TABLE) -> str:
    with pytest.raises(RefusedBodyError) as refusal:
        read(records, table)
    (refused,) = refusal.value.refusals
    assert refused.message.startswith(refused.location)
    return refused.message


finite = st.floats(allow_nan=False, allow_infinity=False)
cell = {"age": finite, "colour": st.sampled_from(COLOURS), "visits": st.integers(0, 2**70)}
record = st.fixed_dictionaries({}, optional={n: v | st.none() for n, v in cell.items()})


@settings(deadline=None)
@given(st.lists(record, min_size=1, max_size=10))
def test_each_value_stands_in_its_column_and_what_is_absent_is_nan(
    sent: list[dict[str, Any]],
) -> None:
    rows = read([dict(reversed(each.items())) for each in sent])

    codes = {None: math.nan} | {colour: float(i) for i, colour in enumerate(COLOURS)}
    expected = [[each.get("age"), codes[each.get("colour")], each.get("visits")] for each in sent]
    np.testing.assert_array_equal(rows, np.array(expected, dtype=np.float64))


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (None, "records is null; needed an array of records."),
        ({}, "records is an object; needed an array of records."),
        ([], "records has no rows; needed at least one."),
        ([{}, 3], "records[1] is a number; needed an object of features."),
        ([{}, [1, 2, 3]], "records[1] is an array; needed an object of features."),
        (
            [{}, {"agee": 1}],
            "records[1] names a feature 'agee'; this model has 'age', 'colour', 'visits'.",
        ),
        ([{"age": "old"}], "records[0]: feature 'age' is a string; needed a number."),
        ([{"age": True}], "records[0]: feature 'age' is a boolean; needed a number."),
        ([{"age": [1]}], "records[0]: feature 'age' is an array; needed a number."),
        ([{"age": {}}], "records[0]: feature 'age' is an object; needed a number."),
        (
            [{"age": 10**400}],
            "records[0]: feature 'age' is beyond the range of 64-bit floats; needed a number.",
        ),
        (
            [{"colour": 2}],
            "records[0]: feature 'colour' is a number; needed one of 'blue', 'green', 'red'.",
        ),
        (
            [{"colour": "Red"}],
            "records[0]: feature 'colour' is 'Red'; needed one of 'blue', 'green', 'red'.",
        ),
    ],
    ids=str,
)
def test_what_is_no_record_is_told_by_row_and_name(records: object, message: str) -> None:
    assert refusal_of(records) == message


def test_a_feature_named_twice_is_refused() -> None:
    with pytest.raises(RefusedBodyError, match=r"records\[0\] names feature 'age' twice"):
        read_text(b'[{"age":1,"age":2}]')


@pytest.mark.parametrize("colour", ["x" * 10_000, "\0\n\x1b[31m", "\ud800", "</script>" * 10])
def test_a_category_is_shown_short_and_without_what_cannot_be_printed(colour: str) -> None:
    message = refusal_of([{"colour": colour}])

    assert len(message) < 150
    assert message.isprintable()
    message.encode()


def test_many_categories_are_counted_not_listed() -> None:
    names = tuple(f"job {i}" for i in range(50))
    job = Feature(name="job", kind="categorical", likelihood="categorical", categories=names)

    message = refusal_of([{"job": "x"}], Table(columns_of([job]), (1,), at_most_ten))

    assert message.endswith("needed the name of one of its 50 categories.")


def test_a_category_without_a_name_is_a_code() -> None:
    code = Feature(name="job", kind="categorical", likelihood="categorical")

    rows = read([{"job": 3}], Table(columns_of([code]), (1,), at_most_ten))

    np.testing.assert_array_equal(rows, [[3]])


def test_records_of_an_image_are_refused_with_its_shape() -> None:
    message = refusal_of([{"age": 1}], Table(TABLE.columns, (1, 3), at_most_ten))

    assert message == "records is for tables; this model takes inputs of shape (1, 3)."


def test_too_many_records_are_refused_before_there_is_memory_for_them() -> None:
    wide = Table(TABLE.columns, (3,), at_most_ten)

    with pytest.raises(TooManyRowsError):
        read([{}] * 11, wide)


@pytest.mark.parametrize("safe_bytes", [0, 2**25])
def test_a_large_body_is_read_like_a_small_one(
    monkeypatch: pytest.MonkeyPatch, safe_bytes: int
) -> None:
    monkeypatch.setattr(records_module, "_SAFE_BYTES", safe_bytes)

    rows = read([{"visits": 2, "age": 0.5}, {"colour": "red", "age": None}])

    np.testing.assert_array_equal(rows, [[0.5, np.nan, 2], [np.nan, 2, np.nan]])
    with pytest.raises(RefusedBodyError, match="names a feature"):
        read_text(b'[{"age\\u0000":1}]')


def test_an_array_of_more_than_16_million_entries_does_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The parser's own way to make a list of them writes beyond the list's end.
    monkeypatch.setattr("app.wire.json.refuse_costly", lambda _: None)
    with pytest.raises(RefusedBodyError, match="'age' is an array"):
        read_text(b'[{"age":[' + b"0," * 2**24 + b"0]}]")
