"""Questions about rows, asked in process or over HTTP on one connection."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import orjson
import torch
from safetensors.torch import load, save
from torch import Tensor

from benchmarks.connection import Connection
from benchmarks.measured_model import NAME, PIXELS
from benchmarks.servers import Server
from model_store.vae.estimators import estimate_elbo, estimate_log_likelihood

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


NETWORK, LOOP = "network alone", "torch loop"

ELBO = Question("elbo", estimate_elbo, 1, (1, 64, 256, 4_096, 65_536), "elbo", NETWORK)
LOG_LIKELIHOOD = Question(
    "log-likelihood", estimate_log_likelihood, 256, (1, 64, 256), "log_likelihood", LOOP
)


@dataclass(frozen=True)
class Sent:
    """A question as it is sent.

    Args:
        path: With its query.
        body: Bytes.
        media_type: Theirs, and the one asked for.
    """

    path: str
    body: bytes
    media_type: str

    @classmethod
    def of(cls, x: Tensor, question: Question, media_type: str) -> "Sent":
        """A question about these rows."""
        path = f"/v1/models/{NAME}/{question.route}"
        if media_type != JSON:
            path += f"?num_samples={question.num_samples}"
        return cls(path, body_of(x, question, media_type), media_type)


def in_several_digits(sent: Sent) -> Sent:
    """The same zeros and ones as JSON, but written as 1.00, which only a parser reads."""
    return replace(sent, body=sent.body.replace(b".0", b".00"))


def rows_of(count: int) -> Tensor:
    """Random black and white images."""
    images = np.random.default_rng(0).integers(0, 2, (count, PIXELS))
    return torch.from_numpy(images.astype(np.float32))


def answer_of(estimate: object, question: Question) -> Tensor:
    """One number for each row."""
    values: Tensor = getattr(estimate, question.answer)
    return values


def over_http(server: Server, question: Question, media_type: str) -> Call:
    """Questions on one connection, whose bodies are made once for each number of rows."""
    connection = Connection(server.port)
    kept: dict[int, Sent] = {}

    def ask(x: Tensor) -> Tensor:
        if len(x) not in kept:
            kept.clear()
            kept[len(x)] = Sent.of(x, question, media_type)
        sent = kept[len(x)]
        content = connection.post(sent.path, sent.body, sent.media_type)
        if media_type == SAFETENSORS:
            return load(content)[question.answer]
        return torch.tensor(orjson.loads(content)[question.answer])

    return ask


def body_of(x: Tensor, question: Question, media_type: str) -> bytes:
    """The question as a client sends it."""
    if media_type == SAFETENSORS:
        return save({"inputs": x})
    body = {"inputs": x.numpy(), "num_samples": question.num_samples}
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
