"""The route of every question to a model: bytes to tensors, the endpoint, tensors to bytes.

FastAPI describes these routes; it does not run them. Between its router and the endpoint no number
is looked at twice, and a body is checked against the very model that the path names.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, NamedTuple, get_type_hints
from weakref import WeakKeyDictionary

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from app.asgi import Written, headers_of, is_stream, read_body, read_in_place, respond
from app.dependencies import Services
from app.inference import Inference
from app.loaded_model import LoadedModel
from app.routes.media import Media, Query, Sent, media_type_of, query_of, refuse_compressed
from app.routes.streams import Stream
from app.schemas.problem import documented
from app.schemas.tensors import Question, Reply
from app.wire import safetensors

# Of the paths of all questions.
PREFIX = "/v1/models/{model}"

_PARAMETERS = ("body", "model", "inference")


class Asked(NamedTuple):
    """What the head of a request says about its question.

    Args:
        model: The model that is asked.
        media: The bodies of the question to it.
        wanted: The media type of the answer.
        media_type: That of the body.
        query: The names and values of the query string.
    """

    model: LoadedModel
    media: Media
    wanted: str
    media_type: str
    query: Query


class QuestionRoute(APIRoute):
    """A route whose endpoint takes exactly (body, model, inference) and returns a reply."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **described: Any) -> None:  # noqa: ANN401
        super().__init__(path, endpoint, **described)
        if tuple(inspect.signature(endpoint).parameters) != _PARAMETERS:
            raise TypeError(f"{endpoint.__name__} must take {', '.join(_PARAMETERS)}.")
        self.app = self._run
        self._media: WeakKeyDictionary[LoadedModel, Media] = WeakKeyDictionary()

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, in the place of FastAPI's own handling."""
        services: Services = scope["app"].state.services
        catalog, reference = services.catalog, scope["path_params"]["model"]
        model = catalog.at_hand(reference) or await catalog.get(reference)
        headers = headers_of(scope)
        if self.question.answers_streams and is_stream(headers):
            media = self._media_of(model, services.inference)
            endpoint = partial(self.endpoint, model=model, inference=services.inference)
            answers = await Stream.of(scope, media, model, endpoint, services)
            await answers.run(receive, send)
            return
        asked = self.asked(scope, headers, model, services)
        length = headers.get(b"content-length", b"")
        if asked.media_type == safetensors.MEDIA_TYPE and length.isdigit():
            content: bytes | memoryview = await read_in_place(receive, int(length))
        else:
            content = await read_body(receive)
        with services.patience.while_there(receive):
            written = await self._exchange(asked, content, services)
        await respond(send, written, asked.wanted)

    def asked(
        self, scope: Scope, headers: Mapping[bytes, bytes], model: LoadedModel, services: Services
    ) -> Asked:
        """What the head of a request says about its question.

        Raises:
            NotAcceptableError: the client accepts no type that there is.
            MediaTypeError: the body is compressed.
        """
        media = self._media_of(model, services.inference)
        wanted = media.answer_type(headers)
        refuse_compressed(headers)
        return Asked(model, media, wanted, media_type_of(headers), query_of(scope))

    async def _exchange(
        self, asked: Asked, content: bytes | memoryview, services: Services
    ) -> Written:
        sent = Sent(content, asked.media_type, asked.query)
        reply = await self._answer(sent, asked.media, asked.model, services.inference)
        most_numbers = services.settings.max_elements
        written = await asked.media.write(reply, asked.wanted, asked.model, most_numbers, sent)
        reply.tell(services.drift, asked.model)
        return written

    @cached_property
    def question(self) -> type[Question]:
        """The body that the endpoint takes."""
        question: type[Question] = get_type_hints(self.endpoint)["body"]
        return question

    @cached_property
    def reply(self) -> type[Reply]:
        """The body that it returns."""
        reply: type[Reply] = get_type_hints(self.endpoint)["return"]
        return reply

    async def answer(self, sent: Sent, model: LoadedModel, inference: Inference) -> Reply:
        """The endpoint's reply to a body.

        Raises:
            VaeError: the body, or what it asks for, is refused.
        """
        return await self._answer(sent, self._media_of(model, inference), model, inference)

    async def _answer(
        self, sent: Sent, media: Media, model: LoadedModel, inference: Inference
    ) -> Reply:
        body = await media.read(sent)
        reply: Reply = await self.endpoint(body=body, model=model, inference=inference)
        return reply

    def _media_of(self, model: LoadedModel, inference: Inference) -> Media:
        media = self._media.get(model)
        if media is None:
            admit = partial(inference.admit_rows, model.size)
            self._media[model] = media = Media(self.question, self.reply, model, admit)
        return media


def question_router() -> APIRouter:
    """A router for questions to the model of the path."""
    return APIRouter(
        prefix=PREFIX,
        route_class=QuestionRoute,
        tags=["questions"],
        responses=documented(400, 404, 406, 413, 415, 422, 500, 503, 504),
    )
