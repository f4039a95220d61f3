"""A coroutine that runs without a task: making one takes as long as a tenth of a small question."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class Work(Generic[Result]):
    """The way of a coroutine to its result, which begins when it is told to.

    There is no current task in it: it can wait for futures, but not set itself a timeout.

    Args:
        coroutine: What is run.
        ended: Is called when it has ended.
        loop: The loop that runs.

    Attributes:
        result: What it returned; None before its end, and if it ended in an error.
        error: What it ended in, `asyncio.CancelledError` if it was cancelled.
    """

    __slots__ = (
        "_awaited",
        "_coroutine",
        "_ended",
        "_is_over",
        "_loop",
        "_waiter",
        "error",
        "result",
    )

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Result],
        ended: Callable[["Work[Result]"], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.result: Result | None = None
        self.error: BaseException | None = None
        self._coroutine = coroutine
        self._ended = ended
        self._loop = loop
        self._awaited: asyncio.Future[Any] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._is_over = False

    def go_on(self, _: object = None) -> None:
        """Runs it from where it is to where it next waits, or to its end."""
        try:
            awaited = self._coroutine.send(None)
        except StopIteration as end:
            self._end(end.value, None)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whoever waits is told
            self._end(None, error)
        else:
            self._awaited = awaited
            if awaited is None:
                # It lets others have a turn.
                self._loop.call_soon(self.go_on)
            else:
                awaited.add_done_callback(self.go_on)

    def cancel(self) -> None:
        """Ends it where it waits."""
        if self._awaited is not None:
            self._awaited.cancel()

    async def wait(self) -> Result:
        """What it returns; whoever waits and is cancelled cancels it.

        Raises:
            BaseException: what it ended in.
        """
        if not self._is_over:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            except asyncio.CancelledError:
                self.cancel()
                raise
        if self.error is not None:
            raise self.error
        result: Result = self.result  # type: ignore[assignment]
        return result

    def _end(self, result: Result | None, error: BaseException | None) -> None:
        self.result, self.error, self._is_over, self._awaited = result, error, True, None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        self._ended(self)
