"""A body that comes in several reads, put together where it will be read."""

import asyncio
from typing import Protocol

import numpy as np

from app.gathering import GatheringTransport


class Owner(Protocol):
    """The protocol of a connection, which collects a body now and then."""

    def body_collected(self) -> None:
        """All of it has come."""

    def eof_received(self) -> bool | None:
        """The client sends no more."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has left."""

    def pause_writing(self) -> None:
        """Answers wait to be taken."""

    def resume_writing(self) -> None:
        """They do no longer."""


class Collecting(asyncio.BufferedProtocol):
    """Stands in for the protocol of a connection until a body has come.

    Whatever the transport reads lies where it belongs at once, and not in parts that are joined.

    Args:
        owner: The protocol.
        transport: Of the connection.
        first: What has come of the body.
        size: How many bytes it has.
    """

    def __init__(
        self, owner: Owner, transport: GatheringTransport, first: bytes, size: int
    ) -> None:
        self._owner, self._transport = owner, transport
        # Not a bytearray, which would be filled with zeros.
        self._body = np.empty(size, np.uint8).data
        self._filled = len(first)
        self._body[: self._filled] = first
        transport.set_protocol(self)

    @property
    def come(self) -> memoryview:
        """What has come of the body."""
        return self._body[: self._filled]

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - no more than is missing
        """Where the next bytes go."""
        return self._body[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """So many have come."""
        self._filled += nbytes
        if self._filled == len(self._body):
            self.end()
            self._owner.body_collected()

    def end(self) -> None:
        """Gives the connection back."""
        self._transport.set_protocol(self._owner)

    def eof_received(self) -> bool | None:
        """For the owner, as is what follows."""
        return self._owner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has left."""
        self._owner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Answers wait to be taken."""
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        """They do no longer."""
        self._owner.resume_writing()
