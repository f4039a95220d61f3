"""Whatever comes on a connection, in whatever pieces: the answers that uvicorn alone would give."""

import asyncio
from collections.abc import Iterator
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import small_store
from tests.models import random_rows
from tests.service import Service, serving
from tests.sockets import Connection, Listening, listening, request

ELBO = "/v1/models/gaussian/elbo"
ROWS = {"inputs": random_rows("gaussian", 2).tolist()}
GOOD = request(ELBO, ROWS)

REQUESTS = [
    GOOD,
    request(ELBO, {**ROWS, "seed": 1}),
    request("/v1/models/gaussian/encode", ROWS),
    GOOD[:-1] + b"!",
    request(ELBO, {"inputs": [[[0, 0, 0], [0, 0, 1e300]]]}),
    request(ELBO, GOOD),
    request(ELBO, b""),
    request("/v1/models/nobody/elbo", ROWS),
    request("/v1/models/gaussian/nothing", ROWS),
    request(ELBO, ROWS, "accept: application/vnd.safetensors"),
    request(ELBO, ROWS, "accept: text/html"),
    request(ELBO, ROWS, "content-type: text/csv"),
    request(ELBO, ROWS, "x-request-id: mine"),
    b"GET /livez HTTP/1.1\r\nhost: service\r\n\r\n",
    b"POST %b HTTP/1.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    b"2\r\n{}\r\n0\r\n\r\n" % ELBO.encode(),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"), "gaussian")
    with serving(store.root) as service:
        service.ask("elbo", **ROWS)
        yield service


@pytest.fixture(scope="module")
def ours(service: Service) -> Iterator[Listening]:
    with listening(service) as server:
        yield server


@pytest.fixture(scope="module")
def uvicorns(service: Service) -> Iterator[Listening]:
    with listening(service, as_uvicorn=True) as server:
        yield server


def answers(server: Listening, requests: list[bytes], places: list[int]) -> list[object]:
    """What comes back when the requests are sent one after the other, cut at these places."""
    sent = b"".join(requests)

    async def talk(connection: Connection) -> list[object]:
        for start, stop in zip([0, *places], [*places, len(sent)], strict=True):
            connection.writer.write(sent[start:stop])
            await connection.writer.drain()
            await asyncio.sleep(0)
        return [(await connection.answer()).anonymous for _ in requests]

    return server.run(talk)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=6),
    st.lists(st.floats(0, 1), max_size=2),
    st.booleans(),
)
def test_the_answers_are_uvicorns(
    ours: Listening,
    uvicorns: Listening,
    requests: list[bytes],
    cuts: list[float],
    apart: bool,
) -> None:
    ends = list(accumulate(map(len, requests)))
    places = sorted([int(cut * ends[-1]) for cut in cuts] + ends[:-1] * apart)

    expected = answers(uvicorns, requests, places)

    assert answers(ours, requests, places) == expected
