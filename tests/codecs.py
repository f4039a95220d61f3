"""The decoders of every medium under one signature, for a model of tables with two features."""

import asyncio
from collections.abc import Callable, Mapping

import numpy as np
from safetensors.numpy import save

from app.wire import csv, json, options, pieces, safetensors
from app.wire.columns import Table, columns_of
from app.wire.diagnosis import Row
from model_store.schema import Feature

FEATURES = (
    Feature(name="age", kind="real", likelihood="gaussian"),
    Feature(name="job", kind="categorical", likelihood="categorical", categories=("cook", "é,")),
)
ROWS = {"inputs": Row((2,), may_have_gaps=True), "latents": Row((2, 3))}
TABLE = Table(columns_of(FEATURES), (2,), lambda _: None)
OTHERS = ("records", "seed", "resolution")

Fields = Mapping[str, object]


def _in_pieces(body: bytes) -> Fields:
    tables = {"records": TABLE}
    fields = asyncio.run(pieces.decode(body, ROWS, OTHERS, tables))
    return json.decode(body, ROWS, OTHERS, tables) if fields is None else fields


DECODERS: Mapping[str, Callable[[bytes], Fields]] = {
    "json": lambda body: json.decode(body, ROWS, OTHERS, {"records": TABLE}),
    "json in pieces": _in_pieces,
    "safetensors": lambda body: safetensors.decode(body, ROWS),
    "csv": lambda body: {"records": csv.decode(body, "records", TABLE)},
    "options": lambda body: options.decode([("seed", body.decode(errors="replace"))], ["inputs"]),
}

_JSON = (
    b'{"inputs":[[1,-2.5e-3],[null,0]],"seed":3,"resolution":[1,2]}',
    b'{"latents":[[[0,0,0],[1,1,1]]], "seed":null}',
    '{"records":[{"age":1.5,"job":"é,"},{"job":null},{}],"resolution":0.1}'.encode(),
)

# Bodies that they take.
TAKEN: Mapping[str, tuple[bytes, ...]] = {
    "json": _JSON,
    "json in pieces": _JSON,
    "safetensors": (
        save({"inputs": np.array([[1, np.nan], [0, 2]])}),
        save({"inputs": np.ones((1, 2), np.float16), "latents": np.zeros((3, 2, 3), np.uint8)}),
    ),
    "csv": ('job,age\r\ncook,1.5\n"é,",\n\n,2e3'.encode(),),
    "options": (b"3", b"[0.1, 2]", b'"elbo"'),
}
