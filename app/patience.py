"""How long an answer is worked on: until its client leaves, or its time is over."""

import asyncio
from types import TracebackType

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from app.errors import DeadlineError

# Most answers are there by then: nobody need listen for the clients of these.
_LOOK_SECONDS = 0.1


class Patience:
    """Cancels work that nobody waits for any longer.

    Args:
        max_seconds: Most that an answer may take.
    """

    def __init__(self, max_seconds: float) -> None:
        self.max_seconds = max_seconds
        self._waiting: set[Waiting] = set()
        self._waiting_long: set[Waiting] = set()
        self._looking = False

    def while_there(self, receive: Receive) -> "Waiting":
        """Around the work on an answer, once the request has been read.

        Args:
            receive: Of the request.

        Raises:
            ClientDisconnect: the client has left.
            DeadlineError: the time is over.
        """
        return Waiting(self, receive)

    def begin(self, waiting: "Waiting") -> None:
        """Somebody waits. One timer looks after all: one for each would take longer than most."""
        self._waiting.add(waiting)
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)

    def end(self, waiting: "Waiting") -> None:
        """Nobody waits for that any longer."""
        self._waiting.discard(waiting)
        self._waiting_long.discard(waiting)

    def _look(self) -> None:
        # Those who listen may be done with it at once.
        for waiting in tuple(self._waiting_long):
            waiting.listen()
        self._waiting_long, self._waiting = self._waiting, set()
        self._looking = bool(self._waiting_long)
        if self._looking:
            asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)


class Waiting:
    """One client who waits for an answer; see `Patience.while_there`."""

    __slots__ = ("_listening", "_patience", "_reason", "_receive", "_task")

    def __init__(self, patience: Patience, receive: Receive) -> None:
        self._patience = patience
        self._receive = receive
        self._task = asyncio.current_task()
        self._listening: asyncio.Task[None] | None = None
        self._reason: Exception | None = None

    def __enter__(self) -> None:
        self._patience.begin(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._patience.end(self)
        if self._listening is not None:
            self._listening.cancel()
        if kind is asyncio.CancelledError and self._reason is not None:
            if self._task is not None:
                self._task.uncancel()
            raise self._reason from None

    def listen(self) -> None:
        """Begins to listen whether the client is there."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        seconds = self._patience.max_seconds
        try:
            async with asyncio.timeout(seconds):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
            self._reason = ClientDisconnect()
        except TimeoutError:
            self._reason = DeadlineError(
                f"The answer would take more than the {seconds:g} s that this server gives it; "
                "needed fewer rows or samples."
            )
        if self._task is not None:
            self._task.cancel()
