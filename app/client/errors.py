"""Everything the client raises: one class for each thing a caller can do something about.

ClientError
├── NoAnswerError             nobody there, or the connection broke: start it, try again
│   └── AnswerTimeoutError      no answer in time: ask for less, or wait longer
├── UnexpectedAnswerError     whatever answered is no VAE service: check the address
└── ServiceError              the service said no, and why
    ├── RequestRefusedError     400, 406, 415, 422: mend the request
    ├── NotAllowedError         401, 403: bring the right key
    ├── NotFoundError           404: no such model, version or alias
    ├── NotCalibratedError      409: calibrate the model first
    ├── TooLargeError           413: send fewer rows, or ask for fewer samples
    ├── BusyError               429: come back after `retry_after_seconds`
    ├── UnavailableError        503: not ready yet, or shutting down
    └── DeadlineError           504: took longer than the service allows
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson


class ClientError(Exception):
    """Root of every error the client raises on purpose."""


class NoAnswerError(ClientError):
    """Nobody listens at the address, or the connection broke before the answer was whole."""


class AnswerTimeoutError(NoAnswerError):
    """The answer did not come within the client's `timeout_seconds`."""


class UnexpectedAnswerError(ClientError):
    """An answer that no VAE service gives."""


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one place of a request, such as `inputs[3]`."""

    location: str
    message: str


class ServiceError(ClientError):
    """A problem body (RFC 9457); the text of the error is its `detail`.

    Attributes:
        status: HTTP status.
        type: The problem's type, a URI reference.
        title: Its name in words.
        detail: What happened in this request.
        errors: The places of the request that are wrong, where the service named them.
        request_id: What to look for in the service's log.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.type = str(problem.get("type", "about:blank"))
        self.title = str(problem.get("title", ""))
        self.detail = str(problem.get("detail", f"The service answered {status} without a reason."))
        self.errors = tuple(
            FieldError(str(error.get("location", "")), str(error.get("message", "")))
            for error in problem.get("errors") or ()
            if isinstance(error, dict)
        )
        self.request_id: str | None = problem.get("request_id")
        super().__init__(self.detail)


class RequestRefusedError(ServiceError):
    """The request is wrong; `errors` says where."""


class NotAllowedError(ServiceError):
    """The service wants another key, or none was sent."""


class NotFoundError(ServiceError):
    """No such model, version or alias."""


class NotCalibratedError(ServiceError):
    """The model has nothing to compare rows with; the text says what to run."""


class TooLargeError(ServiceError):
    """More bytes, rows or samples than the service takes at once."""


class BusyError(ServiceError):
    """The service's queue is full; `retry_after_seconds` says when to come back, if it is known."""

    retry_after_seconds: float | None = None


class UnavailableError(ServiceError):
    """The service is not ready yet, or is shutting down."""


class DeadlineError(ServiceError):
    """The answer would have taken longer than the service allows."""


_CLASSES: dict[int, type[ServiceError]] = {
    400: RequestRefusedError,
    401: NotAllowedError,
    403: NotAllowedError,
    404: NotFoundError,
    406: RequestRefusedError,
    409: NotCalibratedError,
    413: TooLargeError,
    415: RequestRefusedError,
    422: RequestRefusedError,
    429: BusyError,
    503: UnavailableError,
    504: DeadlineError,
}


def error_of(response: httpx.Response) -> ServiceError:
    """The error a refusal stands for, also where something on the way wrote its body."""
    try:
        problem = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        problem = None
    error = _CLASSES.get(response.status_code, ServiceError)(
        response.status_code, problem if isinstance(problem, dict) else {}
    )
    if isinstance(error, BusyError):
        wait = response.headers.get("Retry-After", "")
        error.retry_after_seconds = float(wait) if wait.isdigit() else None
    return error


@contextmanager
def transport_errors() -> Iterator[None]:
    """Raise this module's errors for what goes wrong before there is an answer."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise AnswerTimeoutError("The service did not answer in time.") from error
    except httpx.TransportError as error:
        raise NoAnswerError(f"No answer from the service: {error}.") from error
