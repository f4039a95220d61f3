"""Bodies and answers in each media type: which a route takes and gives, and how they are read."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope

from app.asgi import Headers, header, joined_header, read_body
from app.errors import MediaTypeError, NotAcceptableError, Refusal, RefusedBodyError
from app.inference import Inference
from app.loaded_model import LoadedModel
from app.schemas import pictures, tables
from app.schemas.pictures import PictureReply
from app.schemas.tensors import Question, Reply
from app.wire import csv, json, negotiation, options, png, safetensors
from app.wire.columns import Table

# A body this large takes the parser milliseconds: not on the event loop. Text cells take it longer.
_LARGE_BYTES = 2**18
_LARGE_TEXT_BYTES = 2**14


@dataclass(frozen=True)
class Sent:
    """A body as it came.

    Args:
        content: Its bytes.
        media_type: What they are.
        query: The names and values of the query string.
    """

    content: bytes
    media_type: str = json.MEDIA_TYPE
    query: Sequence[tuple[str, str]] = ()

    @classmethod
    async def of(cls, scope: Scope, receive: Receive) -> "Sent":
        """The body of a request.

        Raises:
            MediaTypeError: it is compressed.
        """
        if header(scope, b"content-encoding").lower() not in {"", "identity"}:
            raise MediaTypeError("The body is compressed; this route takes it as it is.")
        media_type = header(scope, b"content-type").partition(";")[0].strip().lower()
        query = QueryParams(scope["query_string"]).multi_items() if scope["query_string"] else ()
        return cls(await read_body(receive), media_type, query)


async def read(
    sent: Sent, question: type[Question], model: LoadedModel, inference: Inference
) -> Question:
    """The body as what the endpoint takes.

    Raises:
        BodyError: it is not.
        TooManyRowsError: more records than the server takes.
    """
    rows = question.tables(model, inference.admit_rows)
    decode = partial(_fields_of, sent, question, model, rows)
    large = _LARGE_TEXT_BYTES if sent.media_type == csv.MEDIA_TYPE else _LARGE_BYTES
    fields = decode() if len(sent.content) < large else await asyncio.to_thread(decode)
    try:
        return question.model_validate(fields)
    except ValidationError as error:
        raise RefusedBodyError(*_refusals(error, question)) from None


def answer_type(scope: Scope, model: LoadedModel, reply: type[Reply]) -> str:
    """The media type to answer in, if the answer is of this class.

    Raises:
        NotAcceptableError: the client accepts none that there is.
    """
    offered = [json.MEDIA_TYPE, safetensors.MEDIA_TYPE]
    if len(model.event_shape) == 1:
        offered.append(csv.MEDIA_TYPE)
    if issubclass(reply, PictureReply) and pictures.are_images(model.event_shape):
        offered.append(png.MEDIA_TYPE)
    media_type = negotiation.accepted(joined_header(scope, b"accept"), offered)
    if media_type is None:
        raise NotAcceptableError(f"This model answers in {', '.join(offered)} here; needed one.")
    return media_type


async def write(
    reply: Reply, media_type: str, model: LoadedModel, most_numbers: int
) -> tuple[bytes, Headers]:
    """The answer in a media type and headers of its own, a picture of no more numbers than given.

    Raises:
        OutOfRangeError: a number of it is not finite.
        NotAcceptableError: it is no table.
        TooManySamplesError: it is too wide for a table, or too large for a picture.
    """
    if media_type == safetensors.MEDIA_TYPE:
        return safetensors.encode(reply), ()
    if media_type == csv.MEDIA_TYPE:
        return await asyncio.to_thread(tables.encode, reply, model.columns), _named(model)
    if isinstance(reply, PictureReply) and media_type == png.MEDIA_TYPE:
        content = await asyncio.to_thread(pictures.encode, reply, model, most_numbers)
        return content, _named(model)
    return json.encode(reply), ()


def _named(model: LoadedModel) -> Headers:
    """What tables and pictures say of their model; neither has a place for it."""
    return [(b"x-model", f"{model.name}@{model.version}".encode())]


def _fields_of(
    sent: Sent, question: type[Question], model: LoadedModel, tables: Mapping[str, Table]
) -> dict[str, Any]:
    rows = question.rows(model)
    if sent.media_type == json.MEDIA_TYPE:
        options.refuse_any(sent.query)
        return json.decode(sent.content, rows, question.model_fields, tables)
    if sent.media_type == safetensors.MEDIA_TYPE:
        chosen = options.decode(sent.query, question.in_body())
        return {**chosen, **safetensors.decode(sent.content, rows)}
    if sent.media_type == csv.MEDIA_TYPE and tables and len(model.event_shape) == 1:
        chosen = options.decode(sent.query, question.in_body())
        ((name, table),) = tables.items()
        return {**chosen, name: csv.decode(sent.content, name, table)}
    taken = [json.MEDIA_TYPE, safetensors.MEDIA_TYPE]
    if tables:
        taken.append(f"{csv.MEDIA_TYPE} for tables")
    came = "another one" if sent.media_type else "missing"
    raise MediaTypeError(f"The Content-Type is {came}; this route takes {', '.join(taken)}.")


def _refusals(error: ValidationError, question: type[Question]) -> list[Refusal]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    # A field that may be of two types is refused twice, as either of them; the first will do.
    fields = {str(each["loc"][0]): each for each in reversed(found)}
    return [_refusal(n, e["type"], e["msg"], question) for n, e in reversed(fields.items())]


def _refusal(name: str, kind: str, message: str, question: type[Question]) -> Refusal:
    if kind == "extra_forbidden":
        return _unknown_field(name, ", ".join(question.model_fields))
    if kind == "missing":
        return Refusal(name, f"{name} is missing.")
    return Refusal(name, f"{name}: {message[:1].lower()}{message[1:]}.")


def _unknown_field(name: str, known: str) -> Refusal:
    # The name is the client's own: shown only if nothing can hide in it.
    if name.isidentifier() and name.isascii() and len(name) <= 64:
        return Refusal(name, f"This route has no field {name}; it takes {known}.")
    return Refusal("body", f"The body has a field that this route does not; it takes {known}.")
