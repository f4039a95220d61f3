"""The route of every question to a model: JSON to tensors, the endpoint, tensors to JSON.

FastAPI describes these routes; it does not run them. Between its router and the endpoint no number
is looked at twice, and a body is checked against the very model that the path names.
"""

import asyncio
import inspect
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, get_type_hints

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.dependencies import services_of
from app.errors import MediaTypeError, Refusal, RefusedBodyError
from app.inference import Inference
from app.loaded_model import LoadedModel
from app.schemas.problem import documented
from app.schemas.tensors import Question, Reply
from app.wire import json as wire

# A body this large takes the parser milliseconds: not on the event loop.
_LARGE_BYTES = 2**18

_PARAMETERS = ("body", "model", "inference")


class QuestionRoute(APIRoute):
    """A route whose endpoint takes exactly (body, model, inference) and returns a reply."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **described: Any) -> None:  # noqa: ANN401
        super().__init__(path, endpoint, **described)
        if tuple(inspect.signature(endpoint).parameters) != _PARAMETERS:
            raise TypeError(f"{endpoint.__name__} must take {', '.join(_PARAMETERS)}.")
        self.app = self._run

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, in the place of FastAPI's own handling."""
        request = Request(scope, receive)
        services = services_of(request)
        model = await services.catalog.get(scope["path_params"]["model"])
        _refuse_other_media(request.headers)
        reply = await self.answer(await request.body(), model, services.inference)
        response = Response(wire.encode(reply), media_type=wire.MEDIA_TYPE)
        await response(scope, receive, send)

    @cached_property
    def question(self) -> type[Question]:
        """The body that the endpoint takes."""
        question: type[Question] = get_type_hints(self.endpoint)["body"]
        return question

    async def answer(self, content: bytes, model: LoadedModel, inference: Inference) -> Reply:
        """The endpoint's reply to a body.

        Raises:
            VaeError: the body, or what it asks for, is refused.
        """
        body = await _read(content, self.question, model, inference)
        reply: Reply = await self.endpoint(body=body, model=model, inference=inference)
        return reply


def question_router() -> APIRouter:
    """A router for questions to the model of the path."""
    return APIRouter(
        prefix="/v1/models/{model}",
        route_class=QuestionRoute,
        tags=["questions"],
        responses=documented(400, 404, 413, 415, 422, 500, 503),
    )


async def _read(
    content: bytes, question: type[Question], model: LoadedModel, inference: Inference
) -> Question:
    tables = question.tables(model, inference.admit_rows)
    decode = partial(wire.decode, content, question.rows(model), question.model_fields, tables)
    fields = decode() if len(content) < _LARGE_BYTES else await asyncio.to_thread(decode)
    try:
        return question.model_validate(fields)
    except ValidationError as error:
        raise RefusedBodyError(*_refusals(error, question)) from None


def _refuse_other_media(headers: Headers) -> None:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != wire.MEDIA_TYPE:
        came = "another one" if media_type else "missing"
        raise MediaTypeError(f"The Content-Type is {came}; this route takes {wire.MEDIA_TYPE}.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise MediaTypeError("The body is compressed; this route takes it as it is.")


def _refusals(error: ValidationError, question: type[Question]) -> list[Refusal]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [_refusal(str(each["loc"][0]), each["type"], each["msg"], question) for each in found]


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
