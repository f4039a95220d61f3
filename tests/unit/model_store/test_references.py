"""How models are named."""

import pytest

from model_store.errors import InvalidNameError
from model_store.references import MAX_VERSION, ModelRef

NOT_NAMES = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "a\\b",
    ".hidden",
    "-x",
    "a b",
    "é",
    "a\n",
    "a\0",
    "x" * 65,
]


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("digits", ModelRef("digits")),
        ("digits@3", ModelRef("digits", 3)),
        ("digits@canary", ModelRef("digits", "canary")),
        ("3", ModelRef("3")),
        ("a.b-c_d@v1.2", ModelRef("a.b-c_d", "v1.2")),
        (f"digits@{MAX_VERSION}", ModelRef("digits", MAX_VERSION)),
    ],
)
def test_a_reference_is_parsed_and_written_back(text: str, reference: ModelRef) -> None:
    assert ModelRef.parse(text) == reference
    assert str(reference) == text


@pytest.mark.parametrize("name", NOT_NAMES)
def test_a_name_that_breaks_the_rule_is_refused(name: str) -> None:
    with pytest.raises(InvalidNameError):
        ModelRef.parse(name)


@pytest.mark.parametrize("selector", [*NOT_NAMES, "0", "-1", "03", "1" * 10, "\u0661", "a@b"])
def test_a_selector_that_is_neither_version_nor_alias_is_refused(selector: str) -> None:
    with pytest.raises(InvalidNameError):
        ModelRef.parse(f"digits@{selector}")


def test_an_endless_name_is_not_echoed_in_full() -> None:
    with pytest.raises(InvalidNameError) as caught:
        ModelRef.parse("x" * 10_000)

    assert len(str(caught.value)) < 300
