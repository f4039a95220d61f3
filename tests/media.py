"""The same question in every medium: bodies written, and answers read, as if they were JSON."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
import orjson
from safetensors.numpy import load, save

# What a body or an answer is as JSON.
Fields = Mapping[str, Any]

_TENSORS = ("inputs", "latents", "start", "end")


@dataclass(frozen=True)
class Medium:
    """How questions are put, and answers taken.

    Args:
        media_type: Of a body.
        answered_in: The media type to ask for.
        rows: The fields of a body that stand in it; all others are in the query string.
        written: Those of a body as bytes.
        read: The answer as what it would be in JSON.
    """

    media_type: str
    answered_in: str
    rows: tuple[str, ...] | None
    written: Callable[[Fields], bytes]
    read: Callable[[bytes], dict[str, Any]]

    @property
    def headers(self) -> dict[str, str]:
        """Of a question in this medium."""
        return {"Content-Type": self.media_type, "Accept": self.answered_in}

    def question(self, fields: Fields) -> tuple[str, bytes]:
        """A query string with its question mark, if there is one, and a body."""
        if self.rows is None:
            return "", self.written(fields)
        inside = {name: value for name, value in fields.items() if name in self.rows}
        query = {n: json.dumps(v) for n, v in fields.items() if n not in inside}
        return f"?{urlencode(query)}" * bool(query), self.written(inside)


def _to_json(fields: Fields) -> bytes:
    # Not through orjson: integers may be long.
    return json.dumps(fields).encode()


def _to_tensors(fields: Fields) -> bytes:
    """Numbers and NaN for null in float64, flags as they are; nothing else can be said."""
    arrays = {name: np.array(value) for name, value in fields.items()}
    return save({n: a if a.dtype == bool else a.astype(np.float64) for n, a in arrays.items()})


def _from_tensors(content: bytes) -> dict[str, Any]:
    size = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    answer = {name: _from_text(text) for name, text in metadata.items()}
    for path, array in load(content).items():
        # As the numbers are written in JSON: the fewest digits of their own type.
        written = orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY)
        *parents, name = path.split(".")
        place = answer
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = orjson.loads(written)
    return answer


def _from_text(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _to_table(fields: Fields) -> bytes:
    records = fields.get("records", [])
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, dict.fromkeys(name for record in records for name in record))
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


_JSON, _SAFETENSORS = "application/json", "application/vnd.safetensors"

JSON = Medium(_JSON, _JSON, None, _to_json, orjson.loads)
SAFETENSORS = Medium(_SAFETENSORS, _SAFETENSORS, _TENSORS, _to_tensors, _from_tensors)
# A table has no place for what an answer says of all rows at once.
CSV = Medium("text/csv", _JSON, ("records",), _to_table, orjson.loads)
