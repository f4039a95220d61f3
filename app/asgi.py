"""Requests and responses as plain ASGI: what a question needs of them, and no more."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

Headers = Iterable[tuple[bytes, bytes]]

_STREAM = b"application/x-ndjson"


class Written(NamedTuple):
    """An answer as it goes.

    Args:
        content: Its bytes.
        headers: Of its own.
    """

    content: bytes
    headers: Headers = ()


def headers_of(scope: Scope) -> Mapping[bytes, bytes]:
    """The headers by their names in lower case; those of one name as one list."""
    headers: Headers = scope["headers"]
    found = dict(headers)
    if len(found) < len(scope["headers"]):
        for name in found:
            found[name] = b", ".join([value for key, value in headers if key == name])
    return found


def is_stream(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the body is lines that may have no end."""
    content_type = headers.get(b"content-type", b"")
    return content_type.partition(b";")[0].strip().lower() == _STREAM


async def read_body(receive: Receive) -> bytes:
    """The whole body.

    Raises:
        ClientDisconnect: the client left before its end.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        whole: bytes = message.get("body", b"")
        return whole
    parts = []
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


async def read_in_place(receive: Receive, size: int) -> memoryview:
    """The whole body where it can be written to, put together as it comes.

    To join its parts at the end would hold everybody up for as long as a large one takes to copy.

    Args:
        receive: Of the request.
        size: How many bytes it is said to have.

    Raises:
        ClientDisconnect: the client left before its end.
    """
    # Not a bytearray, which would be filled with zeros.
    body, filled = np.empty(size, np.uint8), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        end = filled + len(part)
        if end > len(body):
            body = np.resize(body, end)
        body.data[filled:end] = part
        filled = end
        if not message.get("more_body"):
            return body.data[:filled]


def content_type(media_type: str) -> bytes:
    """The header of a body of this type."""
    # Texts are in UTF-8 here, which `text/*` has to be told.
    kind = f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
    return kind.encode()


async def respond(send: Send, answer: Written, media_type: str) -> None:
    """A 200 with this body."""
    content = answer.content
    described = [
        (b"content-length", b"%d" % len(content)),
        (b"content-type", content_type(media_type)),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": described})
    await send({"type": "http.response.body", "body": content})
