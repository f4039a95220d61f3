"""Error class -> status and problem type; the only builder of error bodies (RFC 9457).

VaeError                      see model_store.errors for its other branches
└── AppError
    ├── BodyError               a body that could not be taken
    │   ├── MediaTypeError        not of a type the route takes
    │   ├── NotJsonError          not JSON
    │   ├── MalformedBodyError    not what its other media type is
    │   └── RefusedBodyError      JSON, but not what the route takes; says where
    ├── NotAcceptableError      no media type in which the client wants the answer
    ├── TooLargeError           more than this server is set to take
    │   ├── TooManyBytesError
    │   ├── TooManyRowsError
    │   └── TooManySamplesError
    ├── NotCalibratedError      a model that has nothing to compare rows with
    ├── DeadlineError           an answer that takes too long
    └── UnavailableError        right, but not now
        ├── BrokenModelError      the model's file cannot be served
        └── NotReadyError         models are still being loaded
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from model_store import errors as store_errors
from model_store.errors import VaeError

log = logging.getLogger(__name__)

PROBLEM_MEDIA_TYPE = "application/problem+json"


class AppError(VaeError):
    """Root of what the HTTP side raises."""


class BodyError(AppError):
    """A request body that could not be taken."""


class MediaTypeError(BodyError):
    """A body of a type the route does not take."""


class NotJsonError(BodyError):
    """A body that is not JSON."""


class MalformedBodyError(BodyError):
    """A body that is not of the type it is said to be."""


@dataclass(frozen=True)
class Refusal:
    """One thing wrong with a body: where, such as `inputs[3]`, and a sentence."""

    location: str
    message: str


class RefusedBodyError(BodyError):
    """A body that the route cannot answer, with everything that is known to be wrong with it."""

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__(refusals[0].message)
        self.refusals = refusals


class NotAcceptableError(AppError):
    """An answer wanted in no media type that there is."""


class TooLargeError(AppError):
    """More than this server is set to take in one request."""


class TooManyBytesError(TooLargeError):
    """A body of too many bytes."""


class TooManyRowsError(TooLargeError):
    """Too many rows, or rows too wide for their number."""


class TooManySamplesError(TooLargeError):
    """Too many samples, or too many for so many rows."""


class NotCalibratedError(AppError):
    """A model that was published without a calibration."""


class DeadlineError(AppError):
    """An answer that takes longer than this server is set to work on it."""


class UnavailableError(AppError):
    """A request that is right, but cannot be answered now."""


class BrokenModelError(UnavailableError):
    """A model whose file cannot be served."""


class NotReadyError(UnavailableError):
    """The models are still being loaded."""


@dataclass(frozen=True)
class Problem:
    """What the clients of one error class are told apart by.

    Args:
        status: HTTP status.
        name: Last part of the problem's type.
        title: The same for every problem of the type.
    """

    status: int
    name: str
    title: str

    @property
    def type(self) -> str:
        """A URI that does not change with the wording."""
        return f"urn:vae-service:problem:{self.name}"


_BROKEN = Problem(503, "broken-model", "The model's file cannot be served")
_TOO_LARGE = "More than this server takes in one request"

PROBLEMS: Mapping[type[VaeError], Problem] = {
    NotJsonError: Problem(400, "not-json", "The body is not JSON"),
    MalformedBodyError: Problem(400, "malformed-body", "The body is not what it is said to be"),
    store_errors.NotInStoreError: Problem(404, "no-such-model", "No such model"),
    store_errors.InvalidNameError: Problem(404, "no-such-model", "No such model"),
    NotAcceptableError: Problem(406, "not-acceptable", "No answer of a type that is accepted"),
    NotCalibratedError: Problem(409, "not-calibrated", "The model has no calibration"),
    TooManyBytesError: Problem(413, "too-many-bytes", _TOO_LARGE),
    TooManyRowsError: Problem(413, "too-many-rows", _TOO_LARGE),
    TooManySamplesError: Problem(413, "too-many-samples", _TOO_LARGE),
    MediaTypeError: Problem(415, "media-type", "A body of a type that is not taken"),
    RefusedBodyError: Problem(422, "refused-body", "The body is not what the route takes"),
    store_errors.ShapeError: Problem(422, "shape", "Numbers in the wrong shape"),
    store_errors.SupportError: Problem(422, "support", "A value the model does not allow"),
    store_errors.OutOfRangeError: Problem(422, "out-of-range", "Too far from the model's data"),
    BrokenModelError: _BROKEN,
    store_errors.ForeignFileError: _BROKEN,
    store_errors.NewerFormatError: _BROKEN,
    store_errors.CorruptCheckpointError: _BROKEN,
    NotReadyError: Problem(503, "not-ready", "Not ready yet"),
    store_errors.StorageError: Problem(503, "storage", "The model store cannot be read"),
    DeadlineError: Problem(504, "deadline", "The answer takes too long"),
}

INTERNAL = Problem(500, "internal", "The server failed")
_NO_ROUTE = Problem(404, "no-such-route", "No such route")
_NO_METHOD = Problem(405, "method", "A method the route does not have")


def problem_response(request: Request, error: Exception) -> Response:
    """The response to an error, whatever its class."""
    if isinstance(error, VaeError):
        return _body(request, PROBLEMS[type(error)], str(error), refusals=_refusals(error))
    if isinstance(error, HTTPException):
        return _of_http_exception(request, error)
    if isinstance(error, RequestValidationError):
        refusals = [_refused_option(each) for each in error.errors()]
        problem = PROBLEMS[RefusedBodyError]
        return _body(request, problem, refusals[0].message, refusals=refusals)
    log.error("Request %s failed.", _request_id(request), exc_info=error)
    return _body(request, INTERNAL, "The server failed; its log has the reason.")


def problem_in_stream(
    error: VaeError, detail: str, refusals: Sequence[Refusal]
) -> dict[str, object]:
    """The problem as a part of an answer that has begun.

    Args:
        error: Whose problem it is.
        detail: What is wrong, in one sentence.
        refusals: Where.
    """
    return _described(PROBLEMS[type(error)], detail, refusals)


def _described(problem: Problem, detail: str, refusals: Sequence[Refusal]) -> dict[str, object]:
    content: dict[str, object] = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
    }
    if refusals:
        content["errors"] = [{"location": r.location, "message": r.message} for r in refusals]
    return content


def _refusals(error: VaeError) -> Sequence[Refusal]:
    return error.refusals if isinstance(error, RefusedBodyError) else ()


def _of_http_exception(request: Request, error: HTTPException) -> Response:
    """What Starlette and FastAPI refuse by themselves: routes and methods there are none of."""
    headers = dict(error.headers or {})
    if error.status_code == 404:
        return _body(request, _NO_ROUTE, "There is no such route; GET /docs shows those there are.")
    if error.status_code == 405:
        detail = f"This route takes {headers.get('Allow', headers.get('allow', 'other methods'))}."
        return _body(request, _NO_METHOD, detail, headers=headers)
    title = HTTPStatus(error.status_code).phrase
    problem = Problem(error.status_code, title.lower().replace(" ", "-"), title)
    return _body(request, problem, f"{title}.", headers=headers)


def _body(
    request: Request,
    problem: Problem,
    detail: str,
    *,
    refusals: Sequence[Refusal] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    content = {
        **_described(problem, detail, refusals),
        "request_id": _request_id(request),
    }
    return Response(
        orjson.dumps(content),
        status_code=problem.status,
        headers=headers,
        media_type=PROBLEM_MEDIA_TYPE,
    )


def _request_id(request: Request) -> str:
    return str(request.scope.get("state", {}).get("request_id", ""))


def _refused_option(error: Mapping[str, Any]) -> Refusal:
    place = ".".join(str(part) for part in error["loc"][1:]) or str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        # The name is the client's own: shown only if nothing can hide in it.
        if place.isidentifier() and place.isascii() and len(place) <= 64:
            return Refusal(place, f"This route has no option {place}.")
        return Refusal("query", "The query string has an option that this route does not.")
    return Refusal(place, f"{place}: {error['msg'][:1].lower()}{error['msg'][1:]}.")
