"""Whatever comes: an answer or a problem, never a 500."""

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.builders import (
    calibrated_checkpoint,
    calibrated_table,
    small_checkpoint,
    small_store,
)
from tests.media import CSV, JSON, SAFETENSORS, Medium
from tests.mutations import mutated
from tests.service import Service, refused, serving

QUESTIONS = [
    "elbo",
    "log-likelihood",
    "encode",
    "decode",
    "sample",
    "reconstruct",
    "impute",
    "interpolate",
    "anomaly",
]
FIELDS = [
    "score",
    "explain",
    "fdr",
    "false_positive_rate",
    "inputs",
    "latents",
    "start",
    "end",
    "num_samples",
    "seed",
    "steps",
    "temperature",
    "x",
]

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(10**40)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)
numbers = st.sampled_from([0, 1, -1, 0.5, 3, 1e30, -1e308, 5e-324, None])
rows = st.lists(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=2, max_size=2))
bodies = st.dictionaries(st.sampled_from(FIELDS), values | rows | st.integers(0, 20), max_size=5)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"), "gaussian")
    store.publish("gaussian", calibrated_checkpoint())
    store.publish("poisson", small_checkpoint("poisson"))
    store.publish("table", calibrated_table())
    with serving(store.root) as service:
        yield service


def assert_answered(service: Service, path: str, body: bytes, **headers: str) -> None:
    response = service.post(path, body, **headers)
    assert response.status_code < 500, response.text
    if response.status_code != 200:
        refused(response, response.status_code)


@settings(deadline=None, max_examples=200)
@given(question=st.sampled_from(QUESTIONS), body=st.binary(max_size=200))
@example("elbo", b'{"inputs":[[[0,0,0],[0,0,0]]]')
@example("elbo", b'{"\xed\xa0\x80":1}')
@example("elbo", b'{"inputs":[[[0,0,0],[0,0,0]]],"\\ud800":1}')
def test_any_bytes_are_answered(service: Service, question: str, body: bytes) -> None:
    assert_answered(service, f"/v1/models/gaussian/{question}", body)


@settings(deadline=None, max_examples=300)
@given(
    model=st.sampled_from(["gaussian", "poisson"]),
    question=st.sampled_from(QUESTIONS),
    body=values | bodies,
)
def test_any_json_is_answered(service: Service, model: str, question: str, body: object) -> None:
    assert_answered(service, f"/v1/models/{model}/{question}", json.dumps(body).encode())


@settings(deadline=None, max_examples=100)
@given(position=st.integers(0, 60), byte=st.integers(0, 255))
def test_a_body_with_one_byte_changed_is_answered(
    service: Service, position: int, byte: int
) -> None:
    body = bytearray(b'{"inputs":[[[0.5,1,-2],[0,1e3,0]]],"seed":12,"num_samples":3}')
    body[position] = byte

    assert_answered(service, "/v1/models/gaussian/elbo", bytes(body))


INPUTS = {"inputs": [[1.5, 1, 2, None, -0.5, 0], [0, 0, 0, 0, 0, 1]], "seed": 1, "num_samples": 3}
RECORD = {"age": 1.5, "member": 1, "colour": "red", "visits": 3, "gap": None, "job": "cook"}
QUESTIONS_OF_TABLES = [
    (medium, *medium.question(body))
    for medium, body in [
        (JSON, INPUTS),
        (JSON, {"records": [RECORD, {}], "num_samples": 2}),
        (SAFETENSORS, INPUTS),
        (CSV, {"records": [RECORD], "seed": 2}),
    ]
]


@settings(deadline=None, max_examples=300)
@given(
    data=st.data(), sent=st.sampled_from(QUESTIONS_OF_TABLES), question=st.sampled_from(QUESTIONS)
)
def test_a_body_that_was_right_once_is_answered_in_every_medium(
    service: Service, data: st.DataObject, sent: tuple[Medium, str, bytes], question: str
) -> None:
    medium, query, content = sent
    body = data.draw(mutated(st.just(content)))
    changed = data.draw(st.just(query[1:].encode()) | mutated(st.just(query[1:].encode())))
    path = f"/v1/models/table/{question}?" + quote(changed, safe="=&")

    assert_answered(service, path, body, **medium.headers)


@settings(deadline=None, max_examples=100)
@given(reference=st.text(min_size=1, max_size=20))
def test_any_model_reference_is_answered(service: Service, reference: str) -> None:
    path = "".join(f"%{byte:02x}" for byte in reference.encode("utf-8", "replace"))

    assert_answered(service, f"/v1/models/{path}/elbo", b"{}")
