"""JSON that means one thing."""

import pytest

from model_store.strict_json import MAX_KEYS, check_plain, parse_json


def test_plain_json_is_read() -> None:
    assert parse_json(b'{"a": [1, -2.5e3, null, true, "\xc3\xa9"]}') == {
        "a": [1, -2500, None, True, "é"]
    }


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xfe{\x00}\x00", "UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "JSON"),
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[1] [2]", "JSON"),
        (b'{"a": 1, "a": 1}', "twice"),
        (b'{"a": {"b": 1, "b": 2}}', "twice"),
        (b"[NaN]", "finite"),
        (b"[-Infinity]", "finite"),
        (b"[1e999]", "finite"),
        (b"[9223372036854775808]", "64 bits"),
        (b"[" + b"9" * 1_000_000 + b"]", "64 bits"),
        (b"[" * 1_000_000, "nested"),
        (b'{"a":' * 1_000_000, "nested"),
    ],
)
def test_json_that_readers_could_take_differently_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        parse_json(content)

    assert len(str(caught.value)) < 100


def test_an_object_of_endless_keys_is_refused() -> None:
    pairs = ",".join(f'"{i}":0' for i in range(MAX_KEYS + 1))

    with pytest.raises(ValueError, match="50,000 keys"):
        parse_json(f"{{{pairs}}}")


def test_the_ends_of_the_64_bits_are_read() -> None:
    assert parse_json(f"[{-(2**63)}, {2**63 - 1}]") == [-(2**63), 2**63 - 1]


def test_a_value_of_nested_numbers_is_plain() -> None:
    assert check_plain({"a": [1, 2.5, {"b": None}]}) == {"a": [1, 2.5, {"b": None}]}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_not_plain(number: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        check_plain({"a": [1, {"b": number}]})


def test_endless_nesting_is_not_plain() -> None:
    nested: list[object] = []
    for _ in range(100):
        nested = [nested]

    with pytest.raises(ValueError, match="deeper"):
        check_plain(nested)
