"""Questions without an end: rows come in line by line, and answers go out as there are any.

Nothing is read while an answer is made or sent, so a client that sends faster than it is answered
waits, and whatever has arrived in the meantime is the next batch.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import orjson
import torch
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send
from torch import Tensor

from app.asgi import headers_of
from app.dependencies import Services
from app.drift import Drift
from app.errors import (
    BodyError,
    NotAcceptableError,
    Refusal,
    RefusedBodyError,
    TooManyBytesError,
    problem_in_stream,
)
from app.limits import LimitedBody
from app.loaded_model import LoadedModel
from app.routes.media import Media, refuse_compressed
from app.schemas.tensors import Reply
from app.wire import json, ndjson, negotiation, options
from app.wire.ndjson import Line, Lines
from model_store.errors import VaeError

_LONGEST_LINE = 2**24  # bytes: a line is held whole
_MOST_ROWS = 256
# This much text takes milliseconds to parse: not on the event loop.
_LARGE_BYTES = 2**14

Endpoint = Callable[..., Awaitable[Reply]]


class _Asked(NamedTuple):
    """A line, and its row or what is wrong with it."""

    number: int
    row: np.ndarray | VaeError


@dataclass(frozen=True, eq=False)
class Stream:
    """Answers the lines of one request.

    Args:
        media: Of the question.
        options: What is asked about every row.
        endpoint: The reply to a body.
        model: The model that is asked.
        drift: Is told of the answers.
        longest: Most bytes of a line.
    """

    media: Media
    options: Mapping[str, Any]
    endpoint: Endpoint
    model: LoadedModel
    drift: Drift
    longest: int

    @classmethod
    async def of(
        cls, scope: Scope, media: Media, model: LoadedModel, endpoint: Endpoint, services: Services
    ) -> "Stream":
        """That of a request, which a typical row has been tried with.

        Raises:
            VaeError: it is not to be answered, whatever its rows are.
        """
        headers = headers_of(scope)
        refuse_compressed(headers)
        accept = headers.get(b"accept", b"").decode("latin-1")
        if negotiation.accepted(accept, (ndjson.MEDIA_TYPE,)) is None:
            raise NotAcceptableError(f"Streams are answered in {ndjson.MEDIA_TYPE}; needed it.")
        query = QueryParams(scope["query_string"]).multi_items()
        chosen = options.decode(query, media.question.in_body())
        for name in media.question.of_whole_requests:
            if name in chosen:
                message = f"{name} is about all rows of a request; a stream has no number of them."
                raise RefusedBodyError(Refusal(name, message))
        longest = min(_LONGEST_LINE, services.settings.max_body_bytes)
        stream = cls(media, chosen, endpoint, model, services.drift, longest)
        await stream.reply_to(model.typical_row)
        return stream

    async def reply_to(self, rows: Tensor) -> Reply:
        """What the endpoint says of rows, (rows, *event).

        Raises:
            VaeError: it refuses one of them, or all.
        """
        return await self.endpoint(body=self.media.question_of({**self.options, "inputs": rows}))

    async def run(self, receive: Receive, send: Send) -> None:
        """Answers all lines.

        Raises:
            ClientDisconnect: the client has left.
        """
        if isinstance(receive, LimitedBody):
            receive.lift()
        described = [(b"content-type", ndjson.MEDIA_TYPE.encode()), *self.media.named]
        await send({"type": "http.response.start", "status": 200, "headers": described})
        lines, more = Lines(self.longest), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            lines.feed(message.get("body", b""))
            more = message.get("more_body", False)
            if not more:
                lines.finish()
            while batch := lines.take(_MOST_ROWS):
                content = b"\n".join([*await self._answers(batch), b""])
                await send({"type": "http.response.body", "body": content, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _answers(self, batch: Sequence[Line]) -> list[bytes]:
        """A line for each."""
        size = sum(len(line.content or b"") for line in batch)
        if size < _LARGE_BYTES:
            asked = self._read_all(batch)
        else:
            asked = await asyncio.to_thread(self._read_all, batch)
        good = [each for each in asked if isinstance(each.row, np.ndarray)]
        found = dict(zip((each.number for each in good), await self._ask(good), strict=True))
        return [
            _written(each.number, found.get(each.number, each.row))  # type: ignore[arg-type]
            for each in asked
        ]

    async def _ask(self, asked: Sequence[_Asked]) -> list[dict[str, Any] | VaeError]:
        """What is said of each row: all at once, or where one is refused one by one."""
        if not asked:
            return []
        rows = torch.from_numpy(np.concatenate([each.row for each in asked]))
        try:
            reply = await self.reply_to(rows)
            reply.tell(self.drift, self.model)
            return list(_parted(reply, len(asked)))
        except VaeError as error:
            if len(asked) == 1:
                return [error]
        each = await asyncio.gather(*(self._ask([one]) for one in asked))
        return [answer for (answer,) in each]

    def _read_all(self, batch: Sequence[Line]) -> list[_Asked]:
        return [self._read(line) for line in batch]

    def _read(self, line: Line) -> _Asked:
        if line.content is None:
            message = f"It has more than {self.longest:,} bytes; fewer are needed."
            return _Asked(line.number, TooManyBytesError(message))
        try:
            return _Asked(
                line.number, ndjson.decode(line.content, self.model.row, self.media.table)
            )
        except (BodyError, TooManyBytesError) as error:
            return _Asked(line.number, error)


def _parted(reply: Reply, rows: int) -> Iterator[dict[str, Any]]:
    """The parts of a reply that are about one row each."""
    fields: Mapping[str, Any] = orjson.loads(json.encode(json.jsonable(reply)))
    of_rows = {name: value for name, value in fields.items() if isinstance(value, list)}
    by_name = {n: v for n, v in fields.items() if isinstance(v, dict) and n != "model"}
    for row in range(rows):
        own = {name: values[row] for name, values in of_rows.items()}
        yield own | {n: {key: each[row] for key, each in v.items()} for n, v in by_name.items()}


def _written(number: int, answer: dict[str, Any] | VaeError) -> bytes:
    said = _problem(number, answer) if isinstance(answer, VaeError) else answer
    return orjson.dumps({"line": number, **said})


def _problem(number: int, error: VaeError) -> dict[str, Any]:
    """The same as a request of this row alone is refused with, at its line."""
    place = f"line {number}"
    refusals = [Refusal("", str(error))]
    if isinstance(error, RefusedBodyError):
        refusals = list(error.refusals)
    located = [_at_line(place, refusal) for refusal in refusals]
    return problem_in_stream(error, located[0].message, located)


def _at_line(place: str, refusal: Refusal) -> Refusal:
    for first in ("records[0]", "inputs[0]"):
        if refusal.location.startswith(first):
            location = place + refusal.location[len(first) :]
            return Refusal(location, refusal.message.replace(first, place, 1))
    return Refusal(place, f"{place}: {refusal.message}")
