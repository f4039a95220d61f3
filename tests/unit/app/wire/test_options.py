"""Options in the query string have the types of JSON."""

import math

import pytest

from app.errors import RefusedBodyError
from app.wire.options import decode, refuse_any


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16", 16),
        ("0.5", 0.5),
        ("true", True),
        ("null", None),
        ("elbo", "elbo"),
        ('"elbo"', "elbo"),
        ("[1, 2]", [1.0, 2.0]),
        ("[[1]]", []),
        ('{"a": 1}', {}),
        ("1e999", math.inf),
        ("18446744073709551616", 2**64),
    ],
)
def test_a_value_is_read_as_json_or_else_as_text(text: str, value: object) -> None:
    decoded = decode([("x", text)], in_body=[])["x"]

    assert (type(decoded), decoded) == (type(value), value)


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "01", "1_000", "", '1,"y":2', '1,"option":2', "[" * 9999, "\0"]
)
def test_what_json_does_not_know_is_text(text: str) -> None:
    assert decode([("x", text)], in_body=[]) == {"x": text}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ([("seed", "1"), ("seed", "1")], "The option 'seed' is given twice; needed it once."),
        ([("inputs", "[[1]]")], "holds rows: needed in the body"),
    ],
)
def test_what_cannot_be_an_option_is_refused(query: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(RefusedBodyError, match=message):
        decode(query, in_body=["inputs"])


@pytest.mark.parametrize(
    ("name", "place"), [("seed", "seed"), ("a b", "query"), ("x" * 99, "query")]
)
def test_an_option_beside_a_json_body_is_refused_by_name(name: str, place: str) -> None:
    with pytest.raises(RefusedBodyError, match="needed in the JSON body") as refusal:
        refuse_any([(name, "1")])

    assert refusal.value.refusals[0].location == place
    assert len(str(refusal.value)) < 140
