"""The middleware, where no app shows what it does: other protocols, and answers cut short."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.limits import RequestLimits
from app.metrics import Metrics
from app.workers import Worker

HTTP: dict[str, Any] = {"type": "http", "headers": []}


async def no_body() -> Message:
    return {"type": "http.request"}


def sent_by(app: ASGIApp, scope: dict[str, Any], metrics: Metrics | None = None) -> list[Any]:
    messages: list[Any] = []

    async def send(message: Message) -> None:
        messages.append(dict(message))

    limits = RequestLimits(app, max_body_bytes=10, metrics=metrics or Metrics(Worker.alone()))
    asyncio.run(limits(dict(scope), no_body, send))
    return messages


def test_what_is_no_request_passes_untouched() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "lifespan.startup.complete"})

    assert sent_by(app, {"type": "lifespan"}) == [{"type": "lifespan.startup.complete"}]


def test_an_error_before_the_answer_becomes_a_problem() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    assert sent_by(app, HTTP)[0]["status"] == 500


def test_an_error_within_the_answer_is_left_to_the_server() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sent_by(app, HTTP)


def test_a_length_that_is_no_number_is_not_believed() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    scope = HTTP | {"headers": [(b"content-length", "\u0663".encode())]}

    assert sent_by(app, scope)[0]["status"] == 204


def counts_after(app: ASGIApp) -> dict[tuple[str, ...], list[float]]:
    """What is counted once the app has been asked."""
    worker = Worker.alone()
    with suppress(ZeroDivisionError, asyncio.CancelledError):
        sent_by(app, HTTP, Metrics(worker))
    return dict(worker.numbers.read())


def test_a_client_that_leaves_is_counted_and_not_an_error() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ClientDisconnect

    assert counts_after(app)["vae_requests_total", "other", "499"] == [1]


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError])
def test_a_request_is_over_however_it_ends(error: type[BaseException]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 202, "headers": []})
        raise error

    counts = counts_after(app)

    assert counts["vae_requests_total", "other", "202"] == [1]
    assert counts["vae_requests_in_flight",] == [0]


def test_a_request_is_in_flight_until_it_is_answered() -> None:
    worker = Worker.alone()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert dict(worker.numbers.read())["vae_requests_in_flight",] == [1]

    assert sent_by(app, HTTP, Metrics(worker)) == []
