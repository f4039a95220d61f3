"""Bodies and answers in each media type: which a route takes and gives, and how they are read."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import ValidationError
from starlette.datastructures import QueryParams
from starlette.types import Scope

from app.asgi import Written
from app.errors import MediaTypeError, NotAcceptableError, Refusal, RefusedBodyError
from app.loaded_model import LoadedModel
from app.schemas import pictures, tables
from app.schemas.pictures import PictureReply
from app.schemas.tensors import Question, Reply
from app.wire import csv, json, ndjson, negotiation, options, pieces, png, safetensors
from app.wire.columns import Table
from app.wire.cuts import cut

# What takes about a millisecond to read; of more not all of it is read on the event loop, or not at
# once.
_BRIEF_BYTES = {
    csv.MEDIA_TYPE: 2**14,
    json.MEDIA_TYPE: pieces.PIECE_BYTES,
    safetensors.MEDIA_TYPE: 2**20,
}

Query = Sequence[tuple[str, str]]

# Each is refused by name, in a hundred times the memory of the name.
_MAX_UNKNOWN_FIELDS = 64


class Sent(NamedTuple):
    """A body as it came.

    Args:
        content: Its bytes; they may lie where they can be written to.
        media_type: What they are.
        query: The names and values of the query string.
    """

    content: bytes | memoryview
    media_type: str = json.MEDIA_TYPE
    query: Query = ()


def query_of(scope: Scope) -> Query:
    """The names and values of the query string."""
    return QueryParams(scope["query_string"]).multi_items() if scope["query_string"] else ()


def media_type_of(headers: Mapping[bytes, bytes]) -> str:
    """The type of the body."""
    return _media_type(headers.get(b"content-type", b""))


@lru_cache(maxsize=256)
def _media_type(content_type: bytes) -> str:
    return content_type.decode("latin-1").partition(";")[0].strip().lower()


def is_brief(media_type: str, body_bytes: int) -> bool:
    """Whether a body is so small that everybody can wait until it has been read."""
    return body_bytes < _BRIEF_BYTES.get(media_type, pieces.PIECE_BYTES)


def refuse_compressed(headers: Mapping[bytes, bytes]) -> None:
    """Nothing, if the body is as it is.

    Raises:
        MediaTypeError: it is compressed.
    """
    if headers.get(b"content-encoding", b"").lower() not in {b"", b"identity"}:
        raise MediaTypeError("The body is compressed; this route takes it as it is.")


class Media:
    """The bodies and the answers of a question to one model, in each media type.

    Args:
        question: The body that the endpoint takes.
        reply: What it returns.
        model: The model that is asked.
        admit: Raises for more rows of it than the server takes.
    """

    def __init__(
        self,
        question: type[Question],
        reply: type[Reply],
        model: LoadedModel,
        admit: Callable[[int], None],
    ) -> None:
        self._question = question
        self._fields = question.model_fields
        rows = question.rows(model)
        self._rows = {name: replace(row, admit=admit) for name, row in rows.items()}
        self._tables = question.tables(model, admit)
        self._is_table = len(model.event_shape) == 1
        # What tables and pictures say of their model; neither has a place for it.
        self.named = [(b"x-model", f"{model.name}@{model.version}".encode())]
        offered = [json.MEDIA_TYPE, safetensors.MEDIA_TYPE]
        if self._is_table:
            offered.append(csv.MEDIA_TYPE)
        if issubclass(reply, PictureReply) and pictures.are_images(model.event_shape):
            offered.append(png.MEDIA_TYPE)
        self._offered = tuple(offered)

    @property
    def question(self) -> type[Question]:
        """The body that the endpoint takes."""
        return self._question

    @property
    def table(self) -> Table | None:
        """What a record is, if there are any."""
        return next(iter(self._tables.values()), None) if self._is_table else None

    def answer_type(self, headers: Mapping[bytes, bytes]) -> str:
        """The media type to answer in.

        Raises:
            NotAcceptableError: the client accepts none that there is.
        """
        accept = headers.get(b"accept", b"").decode("latin-1")
        in_order = self._offered
        if self._question.answers_tables_in_kind and self._is_table:
            came_as = media_type_of(headers)
            in_order = (csv.MEDIA_TYPE, *in_order) if came_as == csv.MEDIA_TYPE else in_order
        media_type = negotiation.accepted(accept, in_order)
        if media_type is None:
            offered = ", ".join(self._offered)
            raise NotAcceptableError(f"This model answers in {offered} here; needed one.")
        return media_type

    async def read(self, sent: Sent) -> Question:
        """The body as what the endpoint takes.

        Raises:
            BodyError: it is not.
            TooLargeError: more rows than the server takes, or too many bytes to parse.
        """
        fields: dict[str, Any] | None = None
        if is_brief(sent.media_type, len(sent.content)):
            fields = self.fields_of(sent)
        elif sent.media_type == json.MEDIA_TYPE and not sent.query:
            fields = await pieces.decode(
                bytes(sent.content), self._rows, self._fields, self._tables
            )
        if fields is None:
            fields = await asyncio.to_thread(self.fields_of, sent)
        return self.question_of(fields)

    def question_of(self, fields: Mapping[str, Any]) -> Question:
        """The fields as what the endpoint takes.

        Raises:
            RefusedBodyError: they are not.
        """
        if len(fields) > len(self._fields) + _MAX_UNKNOWN_FIELDS:
            raise RefusedBodyError(_too_many_fields(len(fields), self._question))
        try:
            return self._question.model_validate(fields)
        except ValidationError as error:
            raise RefusedBodyError(*_refusals(error, self._question)) from None

    async def write(
        self, reply: Reply, media_type: str, model: LoadedModel, most_numbers: int, sent: Sent
    ) -> Written:
        """The answer in a media type.

        Args:
            reply: The answer.
            media_type: One that `answer_type` gave.
            model: The model that answered.
            most_numbers: Most numbers of a picture.
            sent: What is answered: the lines of a table may come back.

        Raises:
            OutOfRangeError: a number of it is not finite.
            NotAcceptableError: it is no table.
            TooManySamplesError: it is too wide for a table, or too large for a picture.
        """
        if media_type == json.MEDIA_TYPE:
            fields = json.jsonable(reply)
            large = pieces.are_large(fields)
            return Written(await pieces.encode(fields) if large else json.encode(fields))
        if media_type == safetensors.MEDIA_TYPE:
            return Written(safetensors.encode(reply))
        if isinstance(reply, PictureReply) and media_type == png.MEDIA_TYPE:
            content = await asyncio.to_thread(pictures.encode, reply, model, most_numbers)
        else:
            came = bytes(sent.content) if sent.media_type == csv.MEDIA_TYPE else None
            content = await asyncio.to_thread(tables.encode, reply, model.columns, came)
        return Written(content, self.named)

    async def write_each(
        self,
        reply: Reply,
        media_type: str,
        model: LoadedModel,
        most_numbers: int,
        sent: Sequence[tuple[Sent, int]],
    ) -> Sequence[Written]:
        """The answers to several requests, from the reply about the rows of all: as `write`'s.

        Args:
            reply: The answer.
            media_type: Of each.
            model: The model that answered.
            most_numbers: Most numbers of a picture.
            sent: The requests, and how many of the rows are each one's.
        """
        if len(sent) == 1:
            return [await self.write(reply, media_type, model, most_numbers, sent[0][0])]
        counts = [rows for _, rows in sent]
        if media_type == json.MEDIA_TYPE:
            # Without a reply for each.
            fields = json.jsonable(reply)
            parts = cut(fields, counts)
            if pieces.are_large(fields):
                return [Written(await pieces.encode(part)) for part in parts]
            return [Written(json.encode(part)) for part in parts]
        known = reply.model_fields_set
        replies = [reply.model_construct(known, **part) for part in cut(reply.__dict__, counts)]
        return [
            await self.write(each, media_type, model, most_numbers, came)
            for each, (came, _) in zip(replies, sent, strict=True)
        ]

    def fields_of(self, sent: Sent) -> dict[str, Any]:
        """The fields of a body, which everybody waits for.

        Raises:
            BodyError: it is none.
            TooLargeError: more rows than the server takes, or too many bytes to parse.
        """
        question = self._question
        if sent.media_type == json.MEDIA_TYPE:
            options.refuse_any(sent.query)
            return json.decode(bytes(sent.content), self._rows, self._fields, self._tables)
        if sent.media_type == safetensors.MEDIA_TYPE:
            chosen = options.decode(sent.query, question.in_body())
            return {**chosen, **safetensors.decode(sent.content, self._rows)}
        if sent.media_type == csv.MEDIA_TYPE and self._tables and self._is_table:
            chosen = options.decode(sent.query, question.in_body())
            ((name, table),) = self._tables.items()
            return {**chosen, name: csv.decode(bytes(sent.content), name, table)}
        taken = [json.MEDIA_TYPE, safetensors.MEDIA_TYPE]
        if self._tables:
            taken.append(f"{csv.MEDIA_TYPE} for tables")
        if question.answers_streams:
            taken.append(ndjson.MEDIA_TYPE)
        came = "another one" if sent.media_type else "missing"
        raise MediaTypeError(f"The Content-Type is {came}; this route takes {', '.join(taken)}.")


def _refusals(error: ValidationError, question: type[Question]) -> list[Refusal]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if not all(each["loc"] for each in found):
        # A name with half of a character in it, which is no field's.
        return [_unknown_field("", ", ".join(question.model_fields))]
    # A field that may be of two types is refused twice, as either of them; the first will do.
    fields = {str(each["loc"][0]): each for each in reversed(found)}
    return [_refusal(n, e["type"], e["msg"], question) for n, e in reversed(fields.items())]


def _refusal(name: str, kind: str, message: str, question: type[Question]) -> Refusal:
    if kind == "extra_forbidden":
        return _unknown_field(name, ", ".join(question.model_fields))
    if kind == "missing":
        return Refusal(name, f"{name} is missing.")
    return Refusal(name, f"{name}: {message[:1].lower()}{message[1:]}.")


def _too_many_fields(count: int, question: type[Question]) -> Refusal:
    known = ", ".join(question.model_fields)
    return Refusal("body", f"The body has {count:,} fields; this route takes {known}.")


def _unknown_field(name: str, known: str) -> Refusal:
    # The name is the client's own: shown only if nothing can hide in it.
    if name.isidentifier() and name.isascii() and len(name) <= 64:
        return Refusal(name, f"This route has no field {name}; it takes {known}.")
    return Refusal("body", f"The body has a field that this route does not; it takes {known}.")
