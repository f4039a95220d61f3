"""Options in the query string, for bodies that have room for rows only."""

from collections.abc import Collection, Iterable
from typing import Any

import orjson

from app.errors import BodyError, Refusal, RefusedBodyError
from app.wire import json
from app.wire.columns import shown


def decode(query: Iterable[tuple[str, str]], in_body: Collection[str]) -> dict[str, Any]:
    """The options by name, written as in JSON; the quotes of a text may be left out.

    Args:
        query: Names and values as they came.
        in_body: Fields that can only stand in the body.

    Raises:
        RefusedBodyError: an option is given twice, or is none.
    """
    options: dict[str, Any] = {}
    for name, text in query:
        if name in in_body:
            raise _refusal(name, "holds rows: needed in the body, not in the query string")
        if name in options:
            raise _refusal(name, "is given twice; needed it once")
        options[name] = _value(text)
    return options


def refuse_any(query: Iterable[tuple[str, str]]) -> None:
    """Nothing, if the query string is empty, as that of a JSON body must be.

    Raises:
        RefusedBodyError: it is not; what it asks for would not be done.
    """
    for name, _ in query:
        raise _refusal(name, "stands in the query string; needed in the JSON body")


def _value(text: str) -> object:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _as_in_a_body(text)
    # Other numbers and arrays differ between parsers; these do not, and are most of all options.
    return value if isinstance(value, int | str | None) else _as_in_a_body(text)


def _as_in_a_body(text: str) -> object:
    """What the option would be as a field of a JSON body, or else the text."""
    try:
        fields = json.decode(b'{"option":%s}' % text.encode(errors="replace"), {}, ["option"])
    except BodyError:
        return text
    return fields["option"] if len(fields) == 1 else text


def _refusal(name: str, sentence: str) -> RefusedBodyError:
    # The name is the client's own: a place only if nothing can hide in it.
    place = name if name.isidentifier() and name.isascii() and len(name) <= 64 else "query"
    return RefusedBodyError(Refusal(place, f"The option {shown(name)} {sentence}."))
