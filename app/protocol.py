"""uvicorn's HTTP protocol, with the head and the body of an answer in one write.

A write is a system call and a packet, which take as long as a small question does.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# More than this at once is not held back, so that a client who reads slowly is noticed at once.
_MOST_HELD_BYTES = 2**16


class GatheringProtocol(HttpToolsProtocol):
    """The protocol on a transport that gathers what is written in one turn of the loop."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(GatheringTransport(transport))  # type: ignore[arg-type]


class GatheringTransport:
    """A transport that sends what it is given in one turn of the event loop as one piece.

    Args:
        transport: What sends it; everything but writing is left to it.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._call_soon = asyncio.get_running_loop().call_soon

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of the transport
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Sends bytes, after those before them."""
        if not self._held:
            self._call_soon(self._send)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > _MOST_HELD_BYTES:
            self._send()

    def close(self) -> None:
        """Closes, once everything has been sent."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._held:
            held, self._held = self._held, []
            self._held_bytes = 0
            self._transport.write(b"".join(held))
