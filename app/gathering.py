"""A transport that sends the head and the body of an answer in one write.

A write is a system call and a packet, which take as long as a small question does.
"""

import asyncio
from typing import Any


class GatheringTransport:
    """A transport that holds what it is given until more comes, but no longer than a turn.

    Args:
        transport: What sends it; everything but writing is left to it.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        # Asked with every request, where the way by __getattr__ would be a long one.
        self.is_closing = transport.is_closing
        self._held = b""
        self._call_soon = asyncio.get_running_loop().call_soon

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of the transport
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Sends bytes, after those before them."""
        if self._held:
            self._held += data
            self._send()
        elif data:
            self._held = data
            self._call_soon(self._send)

    def write_now(self, data: bytes) -> None:
        """Sends bytes to which nothing will be added."""
        self._send()
        self._transport.write(data)

    def close(self) -> None:
        """Closes, once everything has been sent."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        held, self._held = self._held, b""
        # The client may have left while it was held.
        if held and not self._transport.is_closing():
            self._transport.write(held)
