"""What surrounds every request, as plain ASGI: its id, its time, its bytes, and the last resort."""

import random
import re
import time
from collections.abc import Mapping, MutableMapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.asgi import headers_of, is_stream
from app.errors import TooManyBytesError, problem_response
from app.metrics import Metrics

_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9._:/+=@-]")
_LONGEST_ID = 128


def new_id() -> str:
    """An id for a request that came without one; no secret."""
    return f"{random.getrandbits(128):032x}"


class RequestLimits:
    """Refuses bodies of too many bytes, also undeclared ones, and leaves no error unanswered.

    Every response gets `X-Request-ID`, the client's own if it sent one, and `Server-Timing`.

    Args:
        app: What answers.
        max_body_bytes: The limit.
        metrics: Is told of every request.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int, metrics: Metrics) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = headers_of(scope)
        request_id = _id_of(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        sending = _Sending(send, request_id)
        self.metrics.request_begun()
        try:
            if not is_stream(headers):
                self._refuse_declared(headers)
            await self.app(scope, LimitedBody(receive, self.max_body_bytes), sending)
        except ClientDisconnect:
            # Nobody is there to be answered.
            return
        except Exception as error:
            # The last resort: a problem and a line in the log, never silence.
            if sending.status is not None:
                raise
            await problem_response(Request(scope), error)(scope, receive, sending)
        finally:
            seconds = time.perf_counter() - sending.began
            route = getattr(scope.get("route"), "path", None)
            self.metrics.request_ended(route, sending.status, seconds)

    def _refuse_declared(self, headers: Mapping[bytes, bytes]) -> None:
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self.max_body_bytes:
            raise _too_many(f"{int(declared):,}", self.max_body_bytes)


class LimitedBody:
    """A body that ends in an error where it grows too long."""

    def __init__(self, receive: Receive, max_body_bytes: int) -> None:
        self._receive = receive
        self._limit = max_body_bytes
        self._received = 0
        self._is_endless = False

    def lift(self) -> None:
        """Lets it have no end: whoever reads it holds no more than a part."""
        self._is_endless = True

    async def __call__(self) -> Message:
        """The next part of it.

        Raises:
            TooManyBytesError: it has grown too long.
        """
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > self._limit and not self._is_endless:
            raise _too_many("more", self._limit)
        return message


class _Sending:
    """A response with the two headers that every one has."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.began = time.perf_counter()
        self.status: int | None = None

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            milliseconds = (time.perf_counter() - self.began) * 1000
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self._request_id.encode()),
                (b"server-timing", f"total;dur={milliseconds:.2f}".encode()),
            ]
        await self._send(message)


def _id_of(headers: Mapping[bytes, bytes]) -> str:
    if sent := headers.get(b"x-request-id"):
        shown = _NOT_IN_AN_ID.sub("", sent[:_LONGEST_ID].decode("latin-1"))
        if shown:
            return shown
    return new_id()


def _too_many(came: str, limit: int) -> TooManyBytesError:
    return TooManyBytesError(f"The body has {came} bytes; this server takes {limit:,} at most.")
