"""A request whose head has come before: the same answer, or the same error, on a shorter way."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from tests.builders import named_checkpoint, small_store
from tests.media import CSV, JSON, SAFETENSORS, Medium
from tests.models import random_rows
from tests.service import Service, serving
from tests.sockets import Answer, Connection, Listening, listening, request

ELBO = "/v1/models/gaussian/elbo"
LOG_LIKELIHOOD = "/v1/models/gaussian/log-likelihood"
ROWS = {"inputs": random_rows("gaussian", 2).tolist()}
OF_TABLE = "/v1/models/table/elbo"
TABLE_ROWS = {"inputs": [[1.5, 1, 2, 3, -0.5, 0]]}
RECORD = {"age": 1.5, "member": 1, "colour": "red", "visits": 3, "gap": -0.5, "job": "cook"}
# Most that the service takes here: seconds of work.
LONG = {"inputs": random_rows("gaussian", 2_000).tolist(), "num_samples": 10_000, "refine": 0}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"), "gaussian")
    store.publish("table", named_checkpoint())
    with serving(store.root, max_seconds=1, max_row_samples=20_000_000) as service:
        # What has been asked for once is at hand.
        service.ask("elbo", **ROWS)
        service.ask("elbo", "table", **TABLE_ROWS)
        yield service


@pytest.fixture
def server(service: Service) -> Iterator[Listening]:
    with listening(service) as server:
        yield server


def twice(server: Listening, sent: bytes) -> tuple[Answer, Answer]:
    """The answers to a request and to the same once more on its connection."""

    async def talk(connection: Connection) -> tuple[Answer, Answer]:
        return await connection.ask(sent), await connection.ask(sent)

    return server.run(talk)


@pytest.mark.parametrize("accept", ["*/*", "application/vnd.safetensors", "text/csv"])
@pytest.mark.parametrize("medium", [JSON, SAFETENSORS, CSV], ids=lambda medium: medium.media_type)
def test_the_answer_is_the_same_and_the_app_is_asked_once(
    server: Listening, medium: Medium, accept: str
) -> None:
    rows = {"records": [RECORD]} if medium is CSV else TABLE_ROWS
    query, content = medium.question({**rows, "num_samples": 3})
    lines = (f"content-type: {medium.media_type}", f"accept: {accept}")

    first, second = twice(server, request(f"{OF_TABLE}{query}", content, *lines))

    assert first.status == 200
    assert first.anonymous == second.anonymous
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert server.paths == [OF_TABLE]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{}",
        b"\xff",
        b'{"inputs": [[[0, 0, 0], [0, 0, 1e300]]]}',
        b'{"inputs": [[[0, 0, 0], [0, 0]]]}',
        b'{"inputs": [[[0, 0, 0], [0, 0, 0]]], "num_samples": 10000000}',
        b'{"inputs": [[[0, 0, 0], [0, 0, 0]]], "what": 1}',
    ],
)
def test_an_error_is_the_same(server: Listening, body: bytes) -> None:
    first, second = twice(server, request(ELBO, body))

    assert first.status >= 400
    assert first.anonymous == second.anonymous


def test_a_bad_body_after_a_good_one_is_refused(server: Listening) -> None:
    good = request(ELBO, ROWS)

    first, second = twice(server, good)
    bad, _ = twice(server, good[:-2] + b"!}")

    assert (first.status, second.status, bad.status) == (200, 200, 400)


def test_answers_come_in_the_order_of_their_requests(server: Listening) -> None:
    bodies = [{**ROWS, "seed": seed} for seed in range(1, 6)]

    async def talk(connection: Connection) -> list[bytes]:
        alone = [(await connection.ask(request(ELBO, body))).content for body in bodies]
        for body in bodies:
            connection.writer.write(request(ELBO, body))
            await asyncio.sleep(0)
        connection.writer.write(b"".join(request(ELBO, body) for body in bodies))
        return [*alone, *[(await connection.answer()).content for _ in bodies * 2]]

    answers = server.run(talk)

    assert answers == answers[:5] * 3
    assert len(set(answers)) == 5


def test_a_body_that_looks_like_a_request_is_a_body(server: Listening) -> None:
    inner = request(ELBO, ROWS)
    outer = request(ELBO, inner)

    async def talk(connection: Connection) -> tuple[Answer, Answer, Answer]:
        known = await connection.ask(inner)
        body = await connection.ask(outer[: -len(inner)], inner)
        return known, body, await connection.ask(inner)

    known, body, after = server.run(talk)

    assert (known.status, body.status, after.status) == (200, 400, 200)


def test_the_body_of_a_request_that_was_refused_for_its_length_is_still_a_body(
    server: Listening,
) -> None:
    known, length = request(ELBO, ROWS), 2**30
    refused = request(ELBO, b"").replace(b"content-length: 0", b"content-length: %d" % length)

    async def talk(connection: Connection) -> tuple[Answer, Answer, bytes]:
        before = await connection.ask(known)
        answer = await connection.ask(refused)
        connection.writer.write(known)
        await asyncio.sleep(0.1)
        connection.writer.write_eof()
        return before, answer, await connection.reader.read()

    before, answer, more = server.run(talk)

    assert (before.status, answer.status, more) == (200, 413, b"")


def test_a_request_in_pieces_is_one(server: Listening) -> None:
    whole = request(ELBO, ROWS)

    async def talk(connection: Connection) -> list[int]:
        cuts = (10, whole.index(b"\r\n\r\n") + 4, len(whole) - 3)
        pieces = [(whole[:cut], whole[cut:]) for cut in cuts]
        return [(await connection.ask(*p)).status for p in [(whole,), *pieces, (whole,)]]

    assert server.run(talk) == [200] * 5


@pytest.mark.parametrize(
    "line", ["x-request-id: mine", "connection: close", "content-encoding: gzip", "expect: 1"]
)
def test_what_is_not_plain_goes_the_long_way(server: Listening, line: str) -> None:
    sent = request(ELBO, ROWS, line)

    async def talk(connection: Connection) -> Answer:
        return await connection.ask(sent)

    first, second = server.run(talk), server.run(talk)

    assert first.anonymous == second.anonymous
    assert server.paths == [ELBO, ELBO]
    assert first.headers["x-request-id"] == "mine" or "mine" not in line


def test_long_work_ends_with_its_time(server: Listening) -> None:
    first, second = twice(server, request(LOG_LIKELIHOOD, LONG))

    assert first.status == second.status == 504
    assert first.anonymous == second.anonymous
    assert float(second.headers["server-timing"].partition("=")[2]) > 1000


def test_nobody_works_for_a_client_that_has_left(server: Listening) -> None:
    sent = request(LOG_LIKELIHOOD, {**LONG, "num_samples": 1000})

    async def leave(connection: Connection) -> None:
        connection.writer.write(sent)
        await asyncio.sleep(0.05)

    for _ in range(3):
        server.run(leave)
    began = time.monotonic()
    # The only one left is the one that asks.
    while "vae_requests_in_flight 1.0" not in server.service.get("/metrics").text:
        assert time.monotonic() < began + 5
        time.sleep(0.05)
    assert server.service.ask("elbo", **ROWS)


LARGE = {"inputs": random_rows("gaussian", 3000).tolist()}


def test_a_large_request_that_comes_again_is_read_by_the_app_at_once(
    server: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = request(ELBO, LARGE)
    read: list[int] = []
    receive = RequestResponseCycle.receive

    async def noted(cycle: RequestResponseCycle) -> Any:  # noqa: ANN401
        message = await receive(cycle)
        read.append(len(message.get("body", b"")))
        return message

    monkeypatch.setattr(RequestResponseCycle, "receive", noted)

    first, second = twice(server, sent)

    body_bytes = len(sent) - sent.index(b"\r\n\r\n") - 4
    assert first.status == 200
    assert first.anonymous == second.anonymous
    assert read[-1] == body_bytes
    assert sum(read) == 2 * body_bytes


def test_a_request_that_has_begun_is_answered_at_the_end(server: Listening) -> None:
    sent = request(ELBO, ROWS)

    async def talk(connection: Connection) -> tuple[Answer, bool]:
        await connection.ask(sent)
        connection.writer.write(sent[:-5])
        (protocol,) = server.state.connections
        while protocol._coming is None:
            await asyncio.sleep(0)
        protocol.shutdown()
        connection.writer.write(sent[-5:])
        return await connection.answer(), await connection.is_closed()

    answer, closed = server.run(talk)

    assert (answer.status, closed) == (200, True)


def test_the_last_answer_closes_the_connection(server: Listening) -> None:
    async def talk(connection: Connection) -> tuple[Answer, bool]:
        await connection.ask(request(ELBO, ROWS))
        connection.writer.write(request(ELBO, ROWS))
        while not (busy := [each for each in server.state.connections if each._head is not None]):
            await asyncio.sleep(0)
        busy[0].shutdown()
        return await connection.answer(), await connection.is_closed()

    async def be_there(connection: Connection) -> None:
        # A lone client is answered before anybody can look.
        await connection.ask(request(ELBO, ROWS))
        await asyncio.sleep(0.1)

    (answer, closed), _ = server.run_each([talk, be_there])

    assert (answer.status, answer.headers["connection"], closed) == (200, "close", True)


def test_an_idle_connection_is_closed_and_a_busy_one_is_not(service: Service) -> None:
    async def talk(connection: Connection) -> tuple[list[int], bool]:
        statuses = []
        for _ in range(5):
            statuses.append((await connection.ask(request(ELBO, ROWS))).status)
            await asyncio.sleep(0.4)
        return statuses, await connection.is_closed()

    with listening(service, keep_alive_seconds=1) as server:
        assert server.run(talk) == ([200] * 5, True)


def test_the_oldest_head_is_forgotten(server: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = [request(ELBO, ROWS, f"user-agent: {name}") for name in "abc"]
    monkeypatch.setattr("app.heads._MOST_HEADS", 2)

    async def talk(connection: Connection) -> list[int]:
        return [(await connection.ask(each)).status for each in [*sent, sent[2], sent[1], sent[0]]]

    assert server.run(talk) == [200] * 6
    assert len(server.paths) == 4
