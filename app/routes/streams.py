"""Questions without an end: rows come in line by line, and answers go out as there are any.

Whatever has arrived while answers were made and sent is the next batch. No more is read than fills
it: a client that sends faster than it is answered waits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import orjson
import torch
from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send
from torch import Tensor

from app.asgi import headers_of
from app.dependencies import Services
from app.drift import Drift
from app.errors import (
    NotAcceptableError,
    Refusal,
    RefusedBodyError,
    TooManyBytesError,
    problem_in_stream,
)
from app.limits import LimitedBody
from app.loaded_model import LoadedModel
from app.routes.arrivals import arriving
from app.routes.media import Media, refuse_compressed
from app.schemas.tensors import Reply
from app.wire import json, ndjson, negotiation, options
from app.wire.ndjson import Decoder, Line, Lines
from model_store.errors import VaeError

_LONGEST_LINE = 2**24  # bytes: a line is held whole
# Where rows are small, scoring one takes half as long among so many as among fifty.
_MOST_ROWS = 512
# This much text takes milliseconds to parse: not on the event loop.
_LARGE_BYTES = 2**18

Endpoint = Callable[..., Awaitable[Reply]]


@dataclass(frozen=True, eq=False)
class Stream:
    """Answers the lines of one request.

    Args:
        media: Of the question.
        options: What is asked about every row.
        endpoint: The reply to a body.
        model: The model that is asked.
        drift: Is told of the answers.
        decoder: Reads lines for that model.
        longest: Most bytes of a line.
    """

    media: Media
    options: Mapping[str, Any]
    endpoint: Endpoint
    model: LoadedModel
    drift: Drift
    decoder: Decoder
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
        decoder = Decoder(model.row, media.table)
        stream = cls(media, chosen, endpoint, model, services.drift, decoder, longest)
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
        async with arriving(receive, Lines(self.longest), _MOST_ROWS) as arrivals:
            while batch := await arrivals.take():
                content = b"\n".join([*await self._answers(batch), b""])
                await send({"type": "http.response.body", "body": content, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _answers(self, batch: Sequence[Line]) -> list[bytes]:
        """A line for each."""
        contents = [line.content for line in batch if line.content is not None]
        if sum(map(len, contents)) < _LARGE_BYTES:
            found = self.decoder.decode(contents)
        else:
            found = await asyncio.to_thread(self.decoder.decode, contents)
        rows, read = iter(await self._ask(torch.from_numpy(found.rows))), count()
        return [
            _written(line.number, self._too_long())
            if line.content is None
            else _written(line.number, found.faults.get(next(read)) or next(rows))
            for line in batch
        ]

    async def _ask(self, rows: Tensor) -> list[dict[str, Any] | VaeError]:
        """What is said of each row: all at once, or without those that are refused."""
        if not len(rows):
            return []
        try:
            reply = await self.reply_to(rows)
            answers = _parted(reply, len(rows))
        except VaeError as error:
            if len(rows) == 1:
                return [error]
        else:
            reply.tell(self.drift, self.model)
            return answers
        half = len(rows) // 2
        return [*await self._ask(rows[:half]), *await self._ask(rows[half:])]

    def _too_long(self) -> VaeError:
        return TooManyBytesError(f"It has more than {self.longest:,} bytes; fewer are needed.")


def _parted(reply: Reply, rows: int) -> list[dict[str, Any] | VaeError]:
    """The parts of a reply that are about one row each."""
    columns: dict[str, Sequence[Any]] = {}
    for name, value in json.jsonable(reply).items():
        if isinstance(value, dict) and name != "model":
            by_kind = {kind: _numbers(values) for kind, values in value.items()}
            columns[name] = [{k: v[row] for k, v in by_kind.items()} for row in range(rows)]
        elif isinstance(value, list | np.ndarray):
            columns[name] = _numbers(value)
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _numbers(column: Any) -> Sequence[Any]:  # noqa: ANN401 - what orjson takes for an array
    """A column's entries; those of float32 as they are, for else they would have more digits."""
    if isinstance(column, np.ndarray) and column.dtype != np.float32:
        entries: list[Any] = column.tolist()
        return entries
    return list(column)


def _written(number: int, answer: dict[str, Any] | VaeError) -> bytes:
    said = _problem(number, answer) if isinstance(answer, VaeError) else answer
    return orjson.dumps({"line": number, **said}, option=orjson.OPT_SERIALIZE_NUMPY)


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
