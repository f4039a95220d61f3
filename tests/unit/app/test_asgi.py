"""Bodies are put together from what the server hands out."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.asgi import read_body, read_in_place

PARTS = [b"ab", b"", b"cde", b"f"]


class Sending:
    """What a server hands out: parts of a body, then that the client has left."""

    def __init__(self, parts: Sequence[bytes], *, is_whole: bool = True) -> None:
        self._messages: list[Message] = [
            {
                "type": "http.request",
                "body": part,
                "more_body": not is_whole or part is not parts[-1],
            }
            for part in parts
        ]

    async def __call__(self) -> Message:
        return self._messages.pop(0) if self._messages else {"type": "http.disconnect"}


def test_a_body_is_its_parts() -> None:
    assert asyncio.run(read_body(Sending(PARTS))) == b"abcdef"


@pytest.mark.parametrize("size", [0, 3, 6, 9])
def test_a_body_in_place_is_its_parts_whatever_its_head_said(size: int) -> None:
    body = asyncio.run(read_in_place(Sending(PARTS), size))

    assert body == b"abcdef"
    assert not body.readonly


@pytest.mark.parametrize("parts", [[], PARTS])
def test_a_client_that_leaves_before_the_end_has_no_body(parts: list[bytes]) -> None:
    with pytest.raises(ClientDisconnect):
        asyncio.run(read_body(Sending(parts, is_whole=False)))
    with pytest.raises(ClientDisconnect):
        asyncio.run(read_in_place(Sending(parts, is_whole=False), 6))
