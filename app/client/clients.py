"""The two clients: they carry calls over httpx, one waiting, one awaiting."""

from collections.abc import Callable, Coroutine
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx

from app.client import calls
from app.client.answers import Card
from app.client.call import Call
from app.client.errors import NoAnswerError, transport_errors

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_TIMEOUT_SECONDS = 60.0
READY_PATH = "/readyz"


def _asked(build: Callable[Concatenate[str, P], Call[T]]) -> Callable[Concatenate["Model", P], T]:
    """The method of a model that sends what `build` makes and waits for the answer."""

    @wraps(build)
    def ask(model: "Model", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return model.client.send(build(model.name, *args, **kwargs))

    return ask


def _awaited(
    build: Callable[Concatenate[str, P], Call[T]],
) -> Callable[Concatenate["AsyncModel", P], Coroutine[Any, Any, T]]:
    """The method of a model that sends what `build` makes and awaits the answer."""

    @wraps(build)
    async def ask(model: "AsyncModel", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await model.client.send(build(model.name, *args, **kwargs))

    return ask


class Model:
    """One model of a service: `name`, `name@3` or `name@alias`."""

    def __init__(self, client: "VaeClient", name: str) -> None:
        self.client = client
        self.name = name

    card = _asked(calls.card)
    drift = _asked(calls.drift)
    encode = _asked(calls.encode)
    decode = _asked(calls.decode)
    sample = _asked(calls.sample)
    reconstruct = _asked(calls.reconstruct)
    elbo = _asked(calls.elbo)
    log_likelihood = _asked(calls.log_likelihood)
    anomaly = _asked(calls.anomaly)
    impute = _asked(calls.impute)
    interpolate = _asked(calls.interpolate)
    picture = _asked(calls.picture)


class AsyncModel:
    """One model of a service, asked from async code."""

    def __init__(self, client: "AsyncVaeClient", name: str) -> None:
        self.client = client
        self.name = name

    card = _awaited(calls.card)
    drift = _awaited(calls.drift)
    encode = _awaited(calls.encode)
    decode = _awaited(calls.decode)
    sample = _awaited(calls.sample)
    reconstruct = _awaited(calls.reconstruct)
    elbo = _awaited(calls.elbo)
    log_likelihood = _awaited(calls.log_likelihood)
    anomaly = _awaited(calls.anomaly)
    impute = _awaited(calls.impute)
    interpolate = _awaited(calls.interpolate)
    picture = _awaited(calls.picture)


class VaeClient:
    """A VAE service, asked from plain code; threads may share one.

    Args:
        url: Where the service listens, such as `http://127.0.0.1:8000`.
        timeout_seconds: Longest wait for a connection, and for each part of an answer.
        transport: What carries the requests, for tests.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout_seconds, transport=transport)

    def model(self, name: str) -> Model:
        """The model of this name; nothing is sent yet."""
        return Model(self, name)

    def models(self) -> list[Card]:
        """The card of every model that the service can answer for."""
        return self.send(calls.models())

    def ready(self) -> bool:
        """Whether the service is there with every model loaded and warmed."""
        try:
            with transport_errors():
                return self._http.get(READY_PATH).is_success
        except NoAnswerError:
            return False

    def send(self, call: Call[T]) -> T:
        """The answer to a call.

        Raises:
            NoAnswerError: nobody there, or not in time.
            ServiceError, UnexpectedAnswerError: as `Call.answer`.
        """
        with transport_errors():
            response = self._http.request(
                call.method, call.path, content=call.content, headers=call.headers
            )
        return call.answer(response)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncVaeClient:
    """A VAE service, asked from async code; tasks may share one.

    Args:
        url: Where the service listens, such as `http://127.0.0.1:8000`.
        timeout_seconds: Longest wait for a connection, and for each part of an answer.
        transport: What carries the requests, for tests.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_seconds, transport=transport)

    def model(self, name: str) -> AsyncModel:
        """The model of this name; nothing is sent yet."""
        return AsyncModel(self, name)

    async def models(self) -> list[Card]:
        """The card of every model that the service can answer for."""
        return await self.send(calls.models())

    async def ready(self) -> bool:
        """Whether the service is there with every model loaded and warmed."""
        try:
            with transport_errors():
                return (await self._http.get(READY_PATH)).is_success
        except NoAnswerError:
            return False

    async def send(self, call: Call[T]) -> T:
        """The answer to a call.

        Raises:
            NoAnswerError: nobody there, or not in time.
            ServiceError, UnexpectedAnswerError: as `Call.answer`.
        """
        with transport_errors():
            response = await self._http.request(
                call.method, call.path, content=call.content, headers=call.headers
            )
        return call.answer(response)

    async def aclose(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
