"""The short way to a question and the long one: the same answers and the same errors."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from tests.builders import small_store
from tests.models import random_rows
from tests.service import JSON, Service, serving

ROWS = {"inputs": random_rows("gaussian", 2).tolist()}
ELBO = "/v1/models/gaussian/elbo"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"), "gaussian")
    with serving(store.root, max_body_bytes=2000) as service:
        yield service


def by_the_long_way(service: Service, path: str, **sent: Any) -> httpx.Response:  # noqa: ANN401
    """A POST to the service behind a prefix, which the short way leaves alone."""
    transport = httpx.ASGITransport(service.app, root_path="/behind")

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.post(f"/behind{path}", headers=JSON, **sent)

    return service.portal.call(ask)


def test_both_ways_end_at_the_same_answer(service: Service) -> None:
    long = by_the_long_way(service, ELBO, json=ROWS)

    assert long.json() == service.ask("elbo", **ROWS)
    assert long.headers.keys() == service.post(ELBO, ROWS).headers.keys()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (ELBO, b"{"),
        (ELBO, b"{}"),
        (ELBO, b'{"inputs": [[[1, 2, 3], [4, 5, 1e300]]]}'),
        (ELBO, b'{"inputs": "' + b"0" * 3000 + b'"}'),
        ("/v1/models/nobody/elbo", b"{}"),
        ("/v1/models/gaussian/", b"{}"),
        ("/v1/models//elbo", b"{}"),
        ("/v1/models/gaussian/elbo/", b"{}"),
    ],
)
def test_both_ways_end_in_the_same_error(service: Service, path: str, body: bytes) -> None:
    short, long = service.post(path, body), by_the_long_way(service, path, content=body)

    assert short.status_code == long.status_code >= 400
    assert short.json() | {"request_id": ""} == long.json() | {"request_id": ""}


def test_a_body_may_come_in_pieces(service: Service) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"inputs": [[[0, 0, 0],', b" [0, 0, 0]]", b"]}"):
            yield piece
            await asyncio.sleep(0)

    answer = service.portal.call(lambda: service.client.post(ELBO, content=pieces(), headers=JSON))

    assert answer.status_code == 200
