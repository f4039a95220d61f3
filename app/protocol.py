"""uvicorn's HTTP protocol, with a shorter way for questions whose heads have come before.

Everything is read and answered by uvicorn and the app, but for requests that are plainly like one
they have answered: their heads are those bytes, and they come alone. Such a request is collected
first. A small one has neither a scope nor a cycle of messages: it is answered together with those
of others, and what cannot be is given to uvicorn as it came. One that takes longer to read is given
to uvicorn whole, which takes it less time than many parts.
"""

import asyncio
import time
from functools import lru_cache
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.asgi import Written
from app.collecting import Collecting
from app.gathering import GatheringTransport
from app.heads import Head, Heads
from app.limits import new_id
from app.together import Together

_END_OF_HEAD = b"\r\n\r\n"
# While an answer is worked on.
_SOON_SECONDS = 0.1


class QuestionProtocol(HttpToolsProtocol):
    """One connection.

    Args:
        heads: What the app has been asked before.
        together: Answers what is asked again.
        arguments: uvicorn's.
    """

    def __init__(self, heads: Heads, together: Together, **arguments: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(**arguments)
        self._find, self._learn_head = heads.find, heads.learn
        self._together = together
        # Whether uvicorn's parser is in the middle of a request.
        self._is_reading = False
        # Of a request that is still coming, with who takes the rest of its body, and of one that is
        # being answered.
        self._coming: tuple[Head, Collecting] | None = None
        self._head: Head | None = None
        # What has come of it.
        self._parts: tuple[bytes | memoryview, ...] = ()
        self._began = 0.0
        self._early = b""
        self._is_last = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        self._gathering = GatheringTransport(transport)
        super().connection_made(self._gathering)  # type: ignore[arg-type]

    def on_message_begin(self) -> None:
        """The parser has met a request."""
        self._is_reading = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """The parser has met its end."""
        self._is_reading = False
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """The client has sent something."""
        if self._head is not None:
            # Answers go in the order of their requests.
            self._early += data
            self.flow.pause_reading()
        elif self._is_idle:
            self._begin(data)
        else:
            super().data_received(data)

    def _begin(self, data: bytes) -> None:
        """Takes the first part of a request, or all of it."""
        end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        head = self._find(data[:end])
        missing = end + head.body_bytes - len(data) if head is not None else 0
        if head is None or missing < 0:
            super().data_received(data)
            self._learn(data, end)
        elif missing:
            self._parts = (data[:end],)
            collecting = Collecting(self, self._gathering, data[end:], head.body_bytes)
            self._coming = head, collecting
        else:
            self._parts = (data,)
            self._ask(head, data[end:])

    def body_collected(self) -> None:
        """All of a request has come."""
        if self._coming is None:
            return
        (head, collecting), self._coming = self._coming, None
        body = collecting.come
        self._parts = (*self._parts, body)
        self._ask(head, body)

    def _ask(self, head: Head, body: bytes | memoryview) -> None:
        """Has a request answered, all of which has come."""
        if not head.is_brief:
            super().data_received(self._collected())
            return
        self._head, self._began = head, time.perf_counter()
        head.kind.metrics.request_begun()
        self._together.add(self, head.kind, body)

    def _collected(self) -> bytes:
        """What has come of a request, of which no more is kept."""
        parts, self._parts = self._parts, ()
        return b"".join(parts)

    def shutdown(self) -> None:
        """The server is about to end."""
        if self._head is not None:
            self._is_last = True
            return
        if self._coming is not None:
            # A request that has begun is answered; the rest of it goes uvicorn's way.
            (_, collecting), self._coming = self._coming, None
            collecting.end()
            self._parts = (*self._parts, collecting.come)
            super().data_received(self._collected())
        super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """Some time ago there was an answer; closes, unless there has been another question."""
        left = self._began + self.timeout_keep_alive - time.perf_counter()
        if self._head is not None or self._coming is not None or left > 0:
            seconds = max(left, _SOON_SECONDS)
            self.timeout_keep_alive_task = self.loop.call_later(
                seconds, self.timeout_keep_alive_handler
            )
        else:
            super().timeout_keep_alive_handler()

    @property
    def open_connections(self) -> int:
        """How many there are, this one among them."""
        return len(self.connections)

    @property
    def is_gone(self) -> bool:
        """Whether nobody waits for the answer any longer."""
        return self._gathering.is_closing()

    def drop(self) -> None:
        """Gives up the request of a client that has left."""
        self._end(None)

    def answer(self, answer: Written) -> None:
        """Sends an answer."""
        head, seconds = self._head, time.perf_counter() - self._began
        if head is None or self.is_gone:
            self._end(None)
            return
        self._gathering.write_now(
            b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\ncontent-type: %b\r\n%b"
            b"x-request-id: %b\r\nserver-timing: total;dur=%.2f\r\n%b\r\n%b"
            % (
                _lines(tuple(self.server_state.default_headers)),
                len(answer.content),
                head.kind.content_type,
                _lines(tuple(answer.headers)),
                new_id().encode(),
                seconds * 1000,
                b"connection: close\r\n" if self._is_last else b"",
                answer.content,
            )
        )
        self._end(200, seconds)

    def pass_on(self) -> None:
        """Gives the request to uvicorn and the app, as it came."""
        head, early = self._head, self._early
        if head is None or self.is_gone:
            self._end(None)
            return
        head.kind.metrics.request_passed_on()
        self._head, self._early = None, b""
        super().data_received(self._collected())
        if self._is_last:
            super().shutdown()
        if early:
            super().data_received(early)

    @property
    def _is_idle(self) -> bool:
        """Whether uvicorn has nothing to do, read or send here."""
        if self._is_reading or self.flow.write_paused or self._gathering.is_closing():
            return False
        return self.cycle is None or self.cycle.response_complete

    def _learn(self, data: bytes, end: int) -> None:
        """Remembers the head, if all that uvicorn has read is one request or its beginning."""
        cycle = self.cycle
        if cycle is None or not cycle.keep_alive or cycle.scope["http_version"] != "1.1":
            return
        # Nothing of the body has been handed out yet.
        if self._is_reading == cycle.more_body and not self.pipeline and cycle.body == data[end:]:
            self._learn_head(data[:end], dict(cycle.scope), len(data) - end)

    def _end(self, status: int | None, seconds: float = 0.0) -> None:
        """The request is over; ready for the next."""
        head = self._head
        if head is None:
            return
        self._head, self._parts = None, ()
        head.kind.metrics.request_ended(head.kind.route.path, status, seconds)
        self.server_state.total_requests += 1
        if self._is_last:
            self.transport.close()
        if self._gathering.is_closing():
            return
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        if self._early:
            early, self._early = self._early, b""
            self.flow.resume_reading()
            self.data_received(early)


# uvicorn has new ones every second.
@lru_cache(maxsize=16)
def _lines(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])
