"""64 clients at once: whatever waits together, everybody gets what they would get alone."""

import asyncio
from collections.abc import Iterator
from functools import partial
from random import Random
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import small_checkpoint, small_store
from tests.closeness import assert_close
from tests.media import JSON, SAFETENSORS, Medium
from tests.models import random_rows
from tests.service import Service, refused, serving
from tests.sockets import Connection, Listening, listening, request

CLIENTS = 64
KINDS = ("gaussian", "discretized_logistic", "mixed")
ROWS = {kind: random_rows(kind, 40).tolist() for kind in KINDS}
# Refused by the model itself, which is asked about all rows that wait together.
BAD = {
    "gaussian": [[0, 0, 0], [0, 0, 1e300]],
    "discretized_logistic": [[0, 0, 0], [0, 0.5, 0]],
    "mixed": [0, 0.5, 0, 0, 0, 0],
}
OPTIONS: dict[str, dict[str, list[object]]] = {
    "elbo": {"num_samples": [1, 2, 16], "per_feature": [False, True], "per_latent": [False, True]},
    "log-likelihood": {
        "num_samples": [1, 30],
        "refine": [0, 1],
        "target_standard_error": [None, 1],
    },
    "encode": {"num_samples": [0, 3]},
    "reconstruct": {"num_samples": [0, 2]},
    "impute": {"num_samples": [2, 16], "num_imputations": [0, 2]},
}

Ask = tuple[Medium, str, str, dict[str, Any]]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"))
    for kind in KINDS:
        store.publish(kind, small_checkpoint(kind))
    with serving(store.root, compute_threads=2) as service:
        yield service


@pytest.fixture(scope="module")
def server(service: Service) -> Iterator[Listening]:
    with listening(service) as server:
        yield server


def ask_of(chance: Random) -> Ask:
    """A question to one of the models; few values of each option, so that many are asked alike."""
    kind, question = chance.choice(KINDS), chance.choice(sorted(OPTIONS))
    options = {name: chance.choice(values) for name, values in OPTIONS[question].items()}
    rows = chance.choices(ROWS[kind], k=chance.randint(1, 3))
    if chance.random() < 1 / 8:
        rows.insert(chance.randint(0, len(rows)), BAD[kind])
    body = {"inputs": rows, "seed": chance.randint(0, 1), **options}
    return chance.choice([JSON, SAFETENSORS]), question, kind, body


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**32))
def test_everybody_gets_what_they_would_get_alone(service: Service, seed: int) -> None:
    chance = Random(seed)
    asked = [ask_of(chance) for _ in range(CLIENTS)]

    async def at_once() -> list[httpx.Response]:
        return await asyncio.gather(*[service.speaking(a[0]).sent(*a[1:]) for a in asked])

    responses = service.portal.call(at_once)

    for ask, response in zip(asked, responses, strict=True):
        assert_as_alone(service, ask, response)


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**32))
def test_so_they_do_on_connections_that_have_asked_before(
    service: Service, server: Listening, seed: int
) -> None:
    chance = Random(seed)
    asked = [ask_of(chance) for _ in range(CLIENTS)]
    all_have_asked = asyncio.Barrier(CLIENTS)

    async def talk(ask: Ask, connection: Connection) -> httpx.Response:
        medium, question, kind, body = ask
        query, content = medium.question(body)
        lines = [f"{name.lower()}: {value}" for name, value in medium.headers.items()]
        sent = request(f"/v1/models/{kind}/{question}{query}", content, *lines)
        await connection.ask(sent)
        await all_have_asked.wait()
        answer = await connection.ask(sent)
        return httpx.Response(answer.status, headers=answer.headers, content=answer.content)

    server.paths.clear()
    responses = server.run_each([partial(talk, ask) for ask in asked])

    refusals = sum(response.status_code == 422 for response in responses)
    assert len(server.paths) <= CLIENTS + refusals
    for ask, response in zip(asked, responses, strict=True):
        assert_as_alone(service, ask, response)


def assert_as_alone(service: Service, ask: Ask, response: httpx.Response) -> None:
    """The response is what the service says when nobody else asks."""
    medium, question, kind, body = ask
    alone = service.speaking(medium).put(question, kind, **body)
    if BAD[kind] in body["inputs"]:
        problem = refused(response, 422)
        assert problem == refused(alone, 422) | {"request_id": problem["request_id"]}
    else:
        assert response.status_code == alone.status_code == 200
        assert_close(medium.read(response.content), medium.read(alone.content), question)
