"""The body of every error, for the API page; `app.errors` builds them."""

from typing import Any

from pydantic import BaseModel, Field

from app.errors import (
    INTERNAL,
    PROBLEM_MEDIA_TYPE,
    PROBLEMS,
    BrokenModelError,
    DeadlineError,
    MediaTypeError,
    NotAcceptableError,
    NotCalibratedError,
    NotJsonError,
    Problem,
    RefusedBodyError,
    TooManyRowsError,
)
from model_store.errors import NotInStoreError

_REFUSAL = "inputs[3] has 783 values; this model takes 784 = (28, 28)."

_EXAMPLES: dict[int, tuple[Problem, str]] = {
    400: (
        PROBLEMS[NotJsonError],
        "The body is not JSON from line 1, column 13 on: Expecting value.",
    ),
    404: (PROBLEMS[NotInStoreError], "There is no model 'digit'."),
    406: (
        PROBLEMS[NotAcceptableError],
        "This model answers in application/json, application/vnd.safetensors here; needed one.",
    ),
    409: (
        PROBLEMS[NotCalibratedError],
        "digits@3 has no calibration; needed `vae-store calibrate digits DATA`.",
    ),
    413: (
        PROBLEMS[TooManyRowsError],
        "The request has 200,000 rows; this server takes 100,000 at once.",
    ),
    415: (
        PROBLEMS[MediaTypeError],
        "The Content-Type is missing; this route takes application/json, text/csv for tables.",
    ),
    422: (PROBLEMS[RefusedBodyError], _REFUSAL),
    500: (INTERNAL, "The server failed; its log has the reason."),
    503: (
        PROBLEMS[BrokenModelError],
        "digits@3 cannot be served: The tensor bytes do not have the digest that was published.",
    ),
    504: (
        PROBLEMS[DeadlineError],
        "The answer would take more than the 300 s that this server gives it; needed fewer rows.",
    ),
}


class FieldProblem(BaseModel):
    """One thing wrong with a body."""

    location: str = Field(description="Where in the body, such as `inputs[3]`.")
    message: str = Field(description="What came there, and what is needed.")


class ProblemBody(BaseModel):
    """A problem, as RFC 9457 has them."""

    type: str = Field(description="The same for every problem of a kind.")
    title: str = Field(description="The kind in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened this time.")
    request_id: str = Field(description="Also in the X-Request-ID header and the server's log.")
    errors: list[FieldProblem] = Field(
        default=[], description="What is wrong with the body, where it is refused."
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What FastAPI needs to describe a route's errors."""
    return {status: _described(status, *_EXAMPLES[status]) for status in statuses}


def _described(status: int, problem: Problem, detail: str) -> dict[str, Any]:
    example: dict[str, Any] = {
        "type": problem.type,
        "title": problem.title,
        "status": status,
        "detail": detail,
        "request_id": "5f2c1f6e0d6b4a0c9a7d8e3b1c2d4e5f",
    }
    if status == 422:
        example["errors"] = [{"location": "inputs[3]", "message": detail}]
    schema = {"$ref": f"#/components/schemas/{ProblemBody.__name__}"}
    return {
        "description": problem.title,
        "content": {PROBLEM_MEDIA_TYPE: {"schema": schema, "example": example}},
    }
