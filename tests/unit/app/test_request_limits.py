"""The middleware, where no app shows what it does: other protocols, and answers cut short."""

import asyncio
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.limits import RequestLimits

HTTP: dict[str, Any] = {"type": "http", "headers": []}


async def no_body() -> Message:
    return {"type": "http.request"}


def sent_by(app: ASGIApp, scope: dict[str, Any]) -> list[Any]:
    messages: list[Any] = []

    async def send(message: Message) -> None:
        messages.append(dict(message))

    asyncio.run(RequestLimits(app, max_body_bytes=10)(dict(scope), no_body, send))
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
