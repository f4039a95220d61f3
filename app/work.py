"""A coroutine that runs without a task: making one takes as long as a tenth of a small question."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Work:
    """The way of a coroutine to its end, which begins when it is told to.

    There is no current task in it: it can wait for futures, but not set itself a timeout.

    Args:
        coroutine: What is run; it must not fail.
        loop: The loop that runs.
    """

    __slots__ = ("_coroutine", "_loop")

    def __init__(
        self, coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._coroutine = coroutine
        self._loop = loop

    def go_on(self, _: object = None) -> None:
        """Runs it from where it is to where it next waits, or to its end."""
        try:
            awaited: asyncio.Future[Any] | None = self._coroutine.send(None)
        except StopIteration:
            return
        if awaited is None:
            # It lets others have a turn.
            self._loop.call_soon(self.go_on)
        else:
            awaited.add_done_callback(self.go_on)
