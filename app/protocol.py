"""uvicorn's HTTP protocol, with a shorter way for questions whose heads have come before.

Everything is read and answered by uvicorn and the app, but for requests that are plainly like one
they have answered: their heads are those bytes, and they come alone and whole. Such a request has
neither a scope nor a cycle of messages; its body goes to the question and the answer to the
transport. If it is refused, fails, or takes longer than most do, the work is handed over to the app
as it stands: no error is made here, and no client or deadline is looked after.
"""

import asyncio
import time
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.asgi import BEGUN, Begun, Headers, Written
from app.gathering import GatheringTransport
from app.heads import Head, Heads
from app.limits import new_id
from app.work import Work

_END_OF_HEAD = b"\r\n\r\n"
# While an answer is worked on.
_SOON_SECONDS = 0.1


class QuestionProtocol(HttpToolsProtocol):
    """One connection.

    Args:
        heads: What the app has been asked before.
        arguments: uvicorn's.
    """

    def __init__(self, heads: Heads, **arguments: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(**arguments)
        self._heads = heads
        # Whether uvicorn's parser is in the middle of a request.
        self._is_reading = False
        self._head: Head | None = None
        self._request = b""
        self._began = 0.0
        self._work: Work[Written] | None = None
        self._early = b""
        self._is_last = False
        self._default_headers: list[tuple[bytes, bytes]] = []
        self._first_lines = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        self._gathering = GatheringTransport(transport)
        super().connection_made(self._gathering)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        """The client, or the server, has left."""
        super().connection_lost(exc)
        if self._work is not None:
            self._work.cancel()

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
        if self._work is not None:
            # Answers go in the order of their requests.
            self._early += data
            self.flow.pause_reading()
        elif self._is_idle:
            end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
            head = self._heads.find(data[:end])
            if head is not None and len(data) == end + head.body_bytes:
                self._ask(head, data, end)
            else:
                super().data_received(data)
                self._learn(data, end)
        else:
            super().data_received(data)

    def shutdown(self) -> None:
        """The server is about to end."""
        if self._work is None:
            super().shutdown()
        else:
            self._is_last = True

    def timeout_keep_alive_handler(self) -> None:
        """Some time ago there was an answer; closes, unless there has been another question."""
        left = self._began + self.timeout_keep_alive - time.perf_counter()
        if self._work is not None or left > 0:
            seconds = max(left, _SOON_SECONDS)
            self.timeout_keep_alive_task = self.loop.call_later(
                seconds, self.timeout_keep_alive_handler
            )
        else:
            super().timeout_keep_alive_handler()

    def listen(self) -> None:
        """The answer takes longer than most: from here on the app looks after its client."""
        self._hand_over()

    @property
    def _is_idle(self) -> bool:
        """Whether uvicorn has nothing to do, read or send here."""
        if self._is_reading or self.flow.write_paused or self.transport.is_closing():
            return False
        return self.cycle is None or self.cycle.response_complete

    def _learn(self, data: bytes, end: int) -> None:
        """Remembers the head, if uvicorn has read exactly this one request out of the data."""
        cycle = self.cycle
        if self._is_reading or cycle is None or cycle.more_body or not cycle.keep_alive:
            return
        # Nothing of the body has been handed out yet.
        if self.pipeline or cycle.body != data[end:] or cycle.scope["http_version"] != "1.1":
            return
        self._heads.learn(data[:end], dict(cycle.scope), len(data) - end)

    def _ask(self, head: Head, data: bytes, end: int) -> None:
        """Has a question answered."""
        self._began = time.perf_counter()
        self._head, self._request = head, data
        head.metrics.request_begun()
        head.patience.begin(self)
        self._work = Work(head.answer(data[end:]), self._finish, self.loop)
        if head.metrics.in_flight > 1:
            # Whatever else has come is read first, and written together in the end: the processor
            # does one thing many times sooner than many things in turn.
            self.loop.call_soon(self._work.go_on)
        else:
            self._work.go_on()

    def _finish(self, work: Work[Written]) -> None:
        """Sends the answer, or has the app say what is wrong, unless all of that is the app's."""
        if self._head is None:
            return
        if self.transport.is_closing():
            self._end(None)
        elif work.result is not None:
            self._send(self._head, work.result)
        else:
            self._hand_over()

    def _send(self, head: Head, answer: Written) -> None:
        headers = self.server_state.default_headers
        if headers is not self._default_headers:
            # uvicorn has new ones every second.
            self._default_headers, self._first_lines = headers, _lines(headers)
        milliseconds = (time.perf_counter() - self._began) * 1000
        start = b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\ncontent-type: %b\r\n%b" % (
            self._first_lines,
            len(answer.content),
            head.content_type,
            _lines(answer.headers),
        )
        end = b"x-request-id: %b\r\nserver-timing: total;dur=%.2f\r\n%b\r\n%b" % (
            new_id().encode(),
            milliseconds,
            b"connection: close\r\n" if self._is_last else b"",
            answer.content,
        )
        write = self._gathering.write if head.metrics.in_flight > 1 else self._gathering.write_now
        write(start + end)
        self._end(200)

    def _end(self, status: int | None) -> None:
        """The request is over; ready for the next."""
        head = self._head
        if head is not None:
            head.patience.end(self)
            head.metrics.request_ended(head.route.path, status, time.perf_counter() - self._began)
            self.server_state.total_requests += 1
        self._rest()

    def _rest(self) -> None:
        self._head, self._work, self._request = None, None, b""
        if self._is_last:
            self.transport.close()
        if self.transport.is_closing():
            return
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        if self._early:
            early, self._early = self._early, b""
            self.flow.resume_reading()
            self.data_received(early)

    def _hand_over(self) -> None:
        """Gives the request to uvicorn and the app, with the work on its answer as it stands."""
        head, work, request, early = self._head, self._work, self._request, self._early
        if head is None or work is None or self.transport.is_closing():
            # An answer that nobody waits for is never sent.
            return
        head.patience.end(self)
        self._head, self._work, self._request, self._early = None, None, b"", b""
        state = self.app_state
        # uvicorn copies it for each request.
        self.app_state = {**state, BEGUN: Begun(work, self._began)}
        super().data_received(request)
        self.app_state = state
        if self._is_last:
            super().shutdown()
        if early:
            super().data_received(early)


def _lines(headers: Headers) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])
