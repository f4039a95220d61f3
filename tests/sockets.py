"""A service behind a real socket, in the test's own process, and connections byte by byte."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.heads import Heads
from app.protocol import QuestionProtocol
from app.together import Together
from tests.service import Service

Result = TypeVar("Result")


@dataclass
class Listening:
    """A service that listens.

    Args:
        service: The service.
        port: Where.
        state: What uvicorn knows of its connections.
        heads: That have come before.
        paths: Of the requests that the app was asked to answer.
    """

    service: Service
    port: int
    state: ServerState
    heads: Heads
    paths: list[str] = field(default_factory=list)

    def run(self, talk: "Callable[[Connection], Awaitable[Result]]") -> Result:
        """Talks over a connection of its own."""
        return self.run_each([talk])[0]

    def run_each(
        self, talks: "Sequence[Callable[[Connection], Awaitable[Result]]]"
    ) -> list[Result]:
        """Talks at the same time, each over a connection of its own."""

        async def run() -> list[Result]:
            return await asyncio.gather(*map(self._talk, talks))

        return self.service.portal.call(run)

    async def _talk(self, talk: "Callable[[Connection], Awaitable[Result]]") -> Result:
        connection = Connection(*await asyncio.open_connection("127.0.0.1", self.port))
        try:
            return await asyncio.wait_for(talk(connection), 30)
        finally:
            connection.writer.close()


@dataclass
class Answer:
    """A response as it came."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON value
        return json.loads(self.content)

    @property
    def anonymous(self) -> object:
        """All but what is of its request alone, of which only that it came."""
        own = {"x-request-id", "server-timing"}
        headers = [(n, v) for n, v in self.headers.items() if n not in own]
        content = self.json | {"request_id": ""} if self.status != 200 else self.content
        return self.status, headers, own <= self.headers.keys(), content


@dataclass
class Connection:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, *pieces: bytes) -> Answer:
        """The answer to a request that is sent in pieces."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0.02 * (len(pieces) > 1))
        return await self.answer()

    async def answer(self) -> Answer:
        """The next answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        content = await self.reader.readexactly(int(headers["content-length"]))
        return Answer(int(first.split()[1]), headers, content)

    async def is_closed(self) -> bool:
        """Whether the server sends no more, once it has sent nothing."""
        return await self.reader.read() == b""


def request(path: str, body: bytes | dict[str, Any], *lines: str) -> bytes:
    """A POST of JSON, with more lines in its head."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"POST {path} HTTP/1.1", "host: service", f"content-length: {len(content)}"]
    if not any(line.startswith("content-type") for line in lines):
        head.append("content-type: application/json")
    return "\r\n".join([*head, *lines, "", ""]).encode() + content


@contextmanager
def listening(
    service: Service, *, keep_alive_seconds: int = 5, as_uvicorn: bool = False
) -> Iterator[Listening]:
    """The service behind a socket, with the protocol of its own or uvicorn's."""
    paths: list[str] = []

    async def noted(scope: Scope, receive: Receive, send: Send) -> None:
        paths.append(scope["path"])
        await service.app(scope, receive, send)

    config = uvicorn.Config(
        noted, log_config=None, access_log=False, timeout_keep_alive=keep_alive_seconds
    )
    config.load()
    # Without uvicorn's own layers.
    config.loaded_app = noted
    state = ServerState()
    heads = Heads(service.app)
    kind = HttpToolsProtocol if as_uvicorn else partial(QuestionProtocol, heads, Together())
    protocol = partial(kind, config=config, server_state=state, app_state={})

    async def listen() -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)

    server = service.portal.call(listen)
    try:
        yield Listening(service, server.sockets[0].getsockname()[1], state, heads, paths)
    finally:
        service.portal.call(server.close)
