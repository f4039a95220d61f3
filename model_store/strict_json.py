"""JSON that means one thing: no key twice, no NaN or infinity, no integer beyond 64 bits."""

import json
import math
from json import JSONDecodeError
from typing import TypeVar

MAX_DEPTH = 32
# Whoever checks an object reports every wrong key; more than this would fill the memory.
MAX_KEYS = 50_000

Value = TypeVar("Value")


def parse_json(content: bytes | str) -> object:
    """The value that this JSON text stands for.

    Raises:
        ValueError: not UTF-8, not JSON, or JSON that readers may take differently; says which, as
            the end of a sentence that begins with the name of the text.
    """
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
        return json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_finite,
            parse_float=_finite,
            parse_int=_within_64_bits,
        )
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    except JSONDecodeError:
        raise ValueError("is not JSON") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def check_plain(value: Value, *, depth: int = 0) -> Value:
    """The value itself, unless no JSON reader could be sent it.

    Raises:
        ValueError: it holds a number that is not finite, or is nested without end.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number is not finite.")
    if depth > MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH}.")
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            check_plain(item, depth=depth + 1)
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("holds a key twice")
    if len(found) > MAX_KEYS:
        raise ValueError(f"holds an object of more than {MAX_KEYS:,} keys")
    return found


def _finite(literal: str) -> float:
    value = float(literal)
    if not math.isfinite(value):
        raise ValueError("holds a number that is not finite")
    return value


def _within_64_bits(literal: str) -> int:
    # The length first: Python takes its time over, or refuses, thousands of digits.
    if len(literal) > 20 or not -(2**63) <= (value := int(literal)) < 2**63:
        raise ValueError("holds an integer beyond 64 bits")
    return value
