"""The questions a caller can ask, without input or output: what to send, how to read the answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
import numpy as np
import orjson
from numpy.typing import ArrayLike

from app.client.answers import (
    Card,
    Decoding,
    Elbo,
    Encoding,
    Imputation,
    Interpolation,
    LogLikelihood,
    Reconstruction,
    Record,
    Samples,
    read_answer,
    read_card,
)
from app.client.errors import UnexpectedAnswerError, error_of

T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request and how its answer is read; who sends it is not its business."""

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


def models() -> Call[list[Card]]:
    """The card of every model that the service can answer for."""
    return Call("GET", "/v1/models", lambda body: [read_card(c) for c in body.get("models", ())])


def card(model: str) -> Call[Card]:
    """What the model is: its data, its likelihood, how good it is and how it was made."""
    return Call("GET", _path(model), read_card)


def encode(model: str, inputs: ArrayLike, *, num_samples: int = 0, seed: int = 0) -> Call[Encoding]:
    """Posterior q(z | x) of each row, and draws from it if asked."""
    return _ask(Encoding, model, "encode", inputs=inputs, num_samples=num_samples, seed=seed)


def decode(
    model: str, latents: ArrayLike, *, num_samples: int = 0, seed: int = 0
) -> Call[Decoding]:
    """Likelihood p(x | z) of each row of latents, and draws from it if asked."""
    return _ask(Decoding, model, "decode", latents=latents, num_samples=num_samples, seed=seed)


def sample(
    model: str,
    *,
    num_samples: int = 16,
    seed: int = 0,
    temperature: float = 1.0,
    observation_noise: bool = True,
) -> Call[Samples]:
    """New rows: draws of p(x | z) for latents from the prior, or its means."""
    return _ask(
        Samples,
        model,
        "sample",
        num_samples=num_samples,
        seed=seed,
        temperature=temperature,
        observation_noise=observation_noise,
    )


def reconstruct(
    model: str, inputs: ArrayLike, *, num_samples: int = 0, seed: int = 0
) -> Call[Reconstruction]:
    """Each row as the model sees it: through its posterior mean, or averaged over draws."""
    return _ask(
        Reconstruction, model, "reconstruct", inputs=inputs, num_samples=num_samples, seed=seed
    )


def elbo(
    model: str,
    inputs: ArrayLike,
    *,
    num_samples: int = 16,
    seed: int = 0,
    per_feature: bool = False,
    per_latent: bool = False,
) -> Call[Elbo]:
    """Evidence lower bound of each row in nats, its two terms and, if asked, their parts."""
    return _ask(
        Elbo,
        model,
        "elbo",
        inputs=inputs,
        num_samples=num_samples,
        seed=seed,
        per_feature=per_feature,
        per_latent=per_latent,
    )


def log_likelihood(
    model: str,
    inputs: ArrayLike,
    *,
    num_samples: int = 256,
    seed: int = 0,
    target_standard_error: float | None = None,
    max_samples: int | None = None,
) -> Call[LogLikelihood]:
    """Importance-weighted bound on log p(x) of each row in nats (Burda et al., 2016).

    The samples of a row whose standard error is above the target, if there is one, are doubled
    until it is not or `max_samples` (by default the most the server takes) are drawn.
    """
    return _ask(
        LogLikelihood,
        model,
        "log-likelihood",
        inputs=inputs,
        num_samples=num_samples,
        seed=seed,
        target_standard_error=target_standard_error,
        max_samples=max_samples,
    )


def impute(
    model: str,
    inputs: ArrayLike,
    *,
    num_samples: int = 256,
    num_imputations: int = 0,
    seed: int = 0,
) -> Call[Imputation]:
    """Missing values (NaN) given the observed ones: means or most probable codes, and draws."""
    return _ask(
        Imputation,
        model,
        "impute",
        inputs=inputs,
        num_samples=num_samples,
        num_imputations=num_imputations,
        seed=seed,
    )


def interpolate(
    model: str, start: ArrayLike, end: ArrayLike, *, steps: int = 8
) -> Call[Interpolation]:
    """Means at equal steps between the latents of two rows, both ends included."""
    return _ask(Interpolation, model, "interpolate", start=start, end=end, steps=steps)


_OPTIONS = (bool, int, float)


def _ask(record: type[Record], model: str, question: str, **body: ArrayLike | None) -> Call[Record]:
    """The question with its arrays under these names; what is no plain option is an array.

    Options that are None are left out.
    """
    values = {
        name: value if isinstance(value, _OPTIONS) else _as_array(name, value)
        for name, value in body.items()
        if value is not None
    }
    return Call(
        "POST",
        f"{_path(model)}/{question}",
        partial(read_answer, record),
        orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY),
        {"Accept": "application/json", "Content-Type": "application/json"},
    )


def _path(model: str) -> str:
    return f"/v1/models/{quote(model, safe='@')}"


def _as_array(name: str, values: ArrayLike) -> np.ndarray:
    """The values as orjson writes them: float32 as it is, every other number as float64.

    Raises:
        ValueError: a value is no finite number; orjson would write NaN as null without a word.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has type {array.dtype}; needed numbers.")
    array = np.ascontiguousarray(array, None if array.dtype == np.float32 else np.float64)
    finite = np.isfinite(array)
    if not finite.all():
        place = np.argwhere(~finite)[0].tolist()
        raise ValueError(f"{name}{place} is {array[tuple(place)]}; needed a finite number.")
    return array
