"""The OpenAPI document of the models that are served: its examples work as they stand.

FastAPI writes the schemas. What it cannot know is added here: a request that the first served model
answers, that very answer, and the body of every error.
"""

import copy
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from app.catalog import Catalog
from app.errors import PROBLEM_MEDIA_TYPE, NotCalibratedError
from app.inference import Inference
from app.loaded_model import LoadedModel
from app.routes.media import Sent
from app.routes.questions import QuestionRoute
from app.schemas.elbo import ElboRequest
from app.schemas.media import describe_media
from app.schemas.problem import ProblemBody
from app.wire import json as wire

# Beyond this many features an example is no help to a reader.
_MAX_EXAMPLE_FEATURES = 1024
# And this many make a line too long to paste.
_MAX_LINE_FEATURES = 256

_Document = dict[str, Any]


class Documentation:
    """Writes the document, again and again until the models are known.

    Args:
        app: Whose routes they are.
        questions: Those of its routes that ask a model.
        catalog: Where the model of the examples comes from.
        inference: Answers the examples.
    """

    def __init__(
        self, app: FastAPI, questions: Sequence[BaseRoute], catalog: Catalog, inference: Inference
    ) -> None:
        self._app = app
        self._questions = [route for route in questions if isinstance(route, QuestionRoute)]
        self._catalog = catalog
        self._inference = inference
        self._finished: bytes | None = None

    async def openapi(self) -> bytes:
        """The document as JSON."""
        if self._finished is None:
            document = copy.deepcopy(self._app.openapi())
            _describe_problems(document)
            self._name_operations(document)
            for route in self._questions:
                operation = document["paths"][route.path]["post"]
                schemas = document["components"]["schemas"]
                describe_media(operation, schemas, route.question, route.reply)
            if model := self._example_model():
                await self._add_examples(document, model)
            written = orjson.dumps(document)
            if not self._catalog.ready.is_set():
                return written
            self._finished = written
        return self._finished

    def line_to_try(self, address: str) -> str:
        """A line for a shell that asks the server at this address something it can answer."""
        model = self._example_model()
        if model is None:
            return f"curl {address}/v1/models"
        question, body = "sample", b'{"num_samples":1}'
        if model.vae.num_features <= _MAX_LINE_FEATURES:
            example = ElboRequest.example(model)
            question, body = "elbo", orjson.dumps({"inputs": example["inputs"]})
        url = f"{address}/v1/models/{model.name}/{question}"
        return f"curl {url} -H 'Content-Type: {wire.MEDIA_TYPE}' -d '{body.decode()}'"

    def _example_model(self) -> LoadedModel | None:
        """The first model whose rows a page can show."""
        small = (m for m in self._catalog.loaded() if m.vae.num_features <= _MAX_EXAMPLE_FEATURES)
        return next(small, None)

    def _name_operations(self, document: _Document) -> None:
        """Gives generated clients methods with names as in the code."""
        for route in self._app.routes:
            if isinstance(route, APIRoute) and route.include_in_schema:
                for operation in document["paths"][route.path].values():
                    operation["operationId"] = route.name

    async def _add_examples(self, document: _Document, model: LoadedModel) -> None:
        for path in document["paths"].values():
            for operation in path.values():
                for parameter in operation.get("parameters", ()):
                    if parameter["in"] == "path":
                        parameter["example"] = model.name
        for route in self._questions:
            operation = document["paths"][route.path]["post"]
            body = orjson.dumps(route.question.example(model))
            # A model that was never calibrated has no answer to show to one of the questions.
            with suppress(NotCalibratedError):
                reply = wire.encode(
                    wire.jsonable(await route.answer(Sent(body), model, self._inference))
                )
                _set_example(operation["requestBody"], body)
                _set_example(operation["responses"]["200"], reply)


def _set_example(described: _Document, body: bytes) -> None:
    described["content"][wire.MEDIA_TYPE]["example"] = orjson.loads(body)


def _describe_problems(document: _Document) -> None:
    """Adds the body of every error; FastAPI's own idea of a 422 is not what is sent."""
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    described = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= described.pop("$defs")
    schemas["ProblemBody"] = described
    for path in document["paths"].values():
        for operation in path.values():
            if PROBLEM_MEDIA_TYPE not in operation["responses"].get("422", {}).get("content", {}):
                operation["responses"].pop("422", None)
