"""Questions about rows, asked in process or over HTTP on one connection."""

import http.client
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson
import torch
from safetensors.torch import load, save
from torch import Tensor

from benchmarks.measured_model import NAME
from benchmarks.servers import Server

JSON, SAFETENSORS = "application/json", "application/vnd.safetensors"

Call = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Question:
    """One of the routes, its estimator, and the numbers of rows it is asked about."""

    route: str
    estimator: Callable[..., object]
    num_samples: int
    rows: Sequence[int]
    answer: str
    plain: str

    @property
    def options(self) -> dict[str, int]:
        """Arguments of the estimator."""
        return {"num_samples": self.num_samples, "seed": 0}


def answer_of(estimate: object, question: Question) -> Tensor:
    """One number for each row."""
    values: Tensor = getattr(estimate, question.answer)
    return values


def over_http(server: Server, question: Question, media_type: str) -> Call:
    """Questions on one connection, whose bodies are made once for each number of rows."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    headers = {"Content-Type": media_type, "Accept": media_type}
    path = f"/v1/models/{NAME}/{question.route}"
    bodies: dict[int, bytes] = {}

    def ask(x: Tensor) -> Tensor:
        if len(x) not in bodies:
            bodies.clear()
            bodies[len(x)] = body_of(x, question, media_type)
        target = path if media_type == JSON else f"{path}?num_samples={question.num_samples}"
        content = posted(connection, target, bodies[len(x)], headers)
        if media_type == SAFETENSORS:
            return load(content)[question.answer]
        return torch.tensor(orjson.loads(content)[question.answer])

    return ask


def posted(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]
) -> bytes:
    """The answer; a connection that was closed while others had their turns is opened again.

    Raises:
        RuntimeError: it is no 200.
    """
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
    except ConnectionError:
        connection.close()
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
    content = response.read()
    if response.status != http.HTTPStatus.OK:
        raise RuntimeError(f"{path} answered {response.status}: {content[:500]!r}")
    return content


def body_of(x: Tensor, question: Question, media_type: str) -> bytes:
    """The question as a client sends it."""
    if media_type == SAFETENSORS:
        return save({"inputs": x})
    body = {"inputs": x.numpy(), "num_samples": question.num_samples}
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
