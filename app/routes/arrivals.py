"""The lines of a request as they arrive, while others are being answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from app.wire.ndjson import Line, Lines

# Of lines that wait for those before them.
_MOST_BYTES = 2**20


class Arrivals:
    """Lines that have arrived; while many of them wait, no more are read.

    Args:
        receive: Where they come from; it is asked from now on.
        lines: What cuts them.
        most: How many are answered together, and how many may wait.
    """

    def __init__(self, receive: Receive, lines: Lines, most: int) -> None:
        self._receive = receive
        self._lines = lines
        self._most = most
        self._has_more = asyncio.Event()
        self._has_room = asyncio.Event()
        self._reading = asyncio.create_task(self._read())
        self._reading.add_done_callback(lambda _: self._has_more.set())

    async def take(self) -> list[Line]:
        """The lines that wait, at least one; none at the end.

        Raises:
            ClientDisconnect: the client has left.
        """
        while not (self._lines.waiting or self._reading.done()):
            self._has_more.clear()
            await self._has_more.wait()
        if self._reading.done():
            self._reading.result()
        batch = self._lines.take(self._most)
        self._has_room.set()
        return batch

    async def close(self) -> None:
        """Reads no more."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        more = True
        while more:
            while self._is_full():
                self._has_room.clear()
                await self._has_room.wait()
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            self._lines.feed(message.get("body", b""))
            more = message.get("more_body", False)
            if not more:
                self._lines.finish()
            self._has_more.set()
            # A line may have no end, and a client always more of it.
            await asyncio.sleep(0)

    def _is_full(self) -> bool:
        return self._lines.waiting >= self._most or self._lines.waiting_bytes >= _MOST_BYTES


@asynccontextmanager
async def arriving(receive: Receive, lines: Lines, most: int) -> AsyncIterator[Arrivals]:
    """Lines that arrive as long as this lasts."""
    arrivals = Arrivals(receive, lines, most)
    try:
        yield arrivals
    finally:
        await arrivals.close()
