"""Requests and responses as plain ASGI: what a question needs of them, and no more."""

from collections.abc import Iterable

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

Headers = Iterable[tuple[bytes, bytes]]


def header(scope: Scope, name: bytes) -> str:
    """The first header of this name, in lower case, or nothing."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


def joined_header(scope: Scope, name: bytes) -> str:
    """All headers of this name, in lower case, as one list."""
    return ", ".join([str(value, "latin-1") for key, value in scope["headers"] if key == name])


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


async def respond(send: Send, content: bytes, media_type: str, headers: Headers = ()) -> None:
    """A 200 with this body."""
    # Texts are in UTF-8 here, which `text/*` has to be told.
    kind = f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
    described = [
        (b"content-length", b"%d" % len(content)),
        (b"content-type", kind.encode()),
        *headers,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": described})
    await send({"type": "http.response.body", "body": content})
