"""One request and how its answer is read; who sends it is not its business."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import httpx
import orjson

from app.client.errors import UnexpectedAnswerError, error_of

T = TypeVar("T")

PNG = "image/png"


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request for JSON."""

    method: str
    path: str
    read: Callable[[Any], T]
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=lambda: {"Accept": "application/json"})

    def answer(self, response: httpx.Response) -> T:
        """What the response says.

        Raises:
            ServiceError: the service refused or failed.
            UnexpectedAnswerError: the response is none of a VAE service.
        """
        if not response.is_success:
            raise error_of(response)
        try:
            body = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            raise UnexpectedAnswerError(f"{self.path} did not answer in JSON.") from None
        if not isinstance(body, dict):
            raise UnexpectedAnswerError(f"{self.path} did not answer with a JSON object.")
        return self.read(body)


class PictureCall(Call[bytes]):
    """A question whose answer is a picture."""

    def answer(self, response: httpx.Response) -> bytes:
        """The bytes of the PNG file.

        Raises:
            ServiceError: the service refused or failed.
            UnexpectedAnswerError: the response is no picture.
        """
        if not response.is_success:
            raise error_of(response)
        if response.headers.get("Content-Type") != PNG:
            raise UnexpectedAnswerError(f"{self.path} did not answer with a picture.")
        return response.content
