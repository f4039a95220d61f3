"""The media type of an answer is the one the Accept header likes best."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wire.negotiation import accepted

OFFERED = ("application/json", "application/vnd.safetensors", "text/csv")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "application/json"),
        (" , ", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV; charset=utf-8", "text/csv"),
        ("text/*", "text/csv"),
        ("text/csv, application/json", "text/csv"),
        ("application/json, text/csv", "application/json"),
        ("*/*, text/csv", "text/csv"),
        ("application/json;q=0.5, text/csv;q=0.8", "text/csv"),
        ("*/*, application/json;q=0", "application/vnd.safetensors"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("text/csv;q=nonsense", "text/csv"),
        ("image/png", None),
        ("application/json;q=0", None),
        ("json", None),
    ],
)
def test_the_best_of_what_there_is_is_chosen(accept: str, media_type: str | None) -> None:
    assert accepted(accept, OFFERED) == media_type


@given(st.text(alphabet="abc/*,;=q. 0159-", max_size=30))
def test_any_header_gives_one_of_them_or_none(accept: str) -> None:
    assert accepted(accept, OFFERED) in {*OFFERED, None}
