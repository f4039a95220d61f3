"""The client alone, against a service that is a function of the request."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
from numpy.typing import ArrayLike

from app.client import (
    AnswerTimeoutError,
    AsyncVaeClient,
    BusyError,
    DeadlineError,
    NoAnswerError,
    NotAllowedError,
    NotFoundError,
    RequestRefusedError,
    ServiceError,
    TooLargeError,
    UnavailableError,
    UnexpectedAnswerError,
    VaeClient,
)
from app.client.errors import FieldError

ELBO = {
    "model": {"name": "digits", "version": 3},
    "elbo": [-80.5, -91.25],
    "reconstruction": [-70.0, -80.0],
    "kl_divergence": [10.5, 11.25],
    "standard_error": [0.5, None],
    "units": "nats",
    "measure": "probability",
}
PROBLEM = {
    "type": "/problems/support",
    "title": "Value outside the likelihood's support",
    "status": 422,
    "detail": "inputs[1] is wrong.",
    "errors": [{"location": "inputs[1][0]", "message": "is 2; needed 0 or 1."}],
    "request_id": "abc",
}


def client_of(service: Callable[[httpx.Request], httpx.Response]) -> VaeClient:
    return VaeClient("http://service", transport=httpx.MockTransport(service))


def answering(body: object, status: int = 200, **headers: str) -> VaeClient:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return client_of(lambda _: httpx.Response(status, content=content, headers=headers))


def sent_by(ask: Callable[[VaeClient], object]) -> httpx.Request:
    requests: list[httpx.Request] = []

    def service(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(500)

    with pytest.raises(ServiceError):
        ask(client_of(service))
    return requests[0]


def test_an_answer_is_a_record_of_arrays() -> None:
    answer = answering(ELBO).model("digits").elbo([[1.0], [2.0]])

    np.testing.assert_array_equal(answer.elbo, [-80.5, -91.25])
    assert (answer.model.version, answer.measure) == (3, "probability")


def test_null_inside_an_array_is_nan() -> None:
    answer = answering(ELBO).model("digits").elbo([[1.0], [2.0]])

    np.testing.assert_array_equal(answer.standard_error, [0.5, np.nan])


def test_parameters_by_name_are_arrays() -> None:
    body = {"model": ELBO["model"], "outputs": [[1]], "parameters": {"loc": [[0.5]]}}

    answer = answering(body).model("digits").decode([[0.0]])

    np.testing.assert_array_equal(answer.parameters["loc"], [[0.5]])


def test_fields_of_a_later_service_are_left_out() -> None:
    answer = answering({**ELBO, "pareto_k": [0.1, 0.2]}).model("digits").elbo([[1.0]])

    assert not hasattr(answer, "pareto_k")


def test_an_answer_without_a_field_names_it() -> None:
    body = {name: value for name, value in ELBO.items() if name != "kl_divergence"}

    with pytest.raises(UnexpectedAnswerError, match="kl_divergence"):
        answering(body).model("digits").elbo([[1.0]])


@pytest.mark.parametrize(
    ("ask", "path", "body"),
    [
        (lambda m: m.elbo([[1]]), "elbo", {"inputs": [[1.0]], "num_samples": 16, "seed": 0}),
        (lambda m: m.encode([[1]], num_samples=2), "encode", {"num_samples": 2}),
        (lambda m: m.decode([[0.5, 1]], seed=7), "decode", {"latents": [[0.5, 1.0]], "seed": 7}),
        (lambda m: m.sample(temperature=0.5), "sample", {"num_samples": 16, "temperature": 0.5}),
        (lambda m: m.reconstruct([[1]]), "reconstruct", {"inputs": [[1.0]], "num_samples": 0}),
        (lambda m: m.log_likelihood([[1]]), "log-likelihood", {"num_samples": 256}),
        (lambda m: m.interpolate([[0]], [[1]]), "interpolate", {"start": [[0.0]], "steps": 8}),
    ],
)
def test_a_question_posts_its_arrays_and_options(
    ask: Callable[[Any], object], path: str, body: dict[str, Any]
) -> None:
    request = sent_by(lambda client: ask(client.model("digits@canary")))

    assert request.url.path == f"/v1/models/digits@canary/{path}"
    assert body.items() <= orjson.loads(request.content).items()


def test_numbers_of_numpy_are_options_too() -> None:
    request = sent_by(
        lambda client: client.model("m").log_likelihood(
            [[1]], num_samples=np.int64(4), target_standard_error=np.float32(0.5)
        )
    )

    assert b'"num_samples":4,' in request.content
    assert b'"target_standard_error":0.5' in request.content


def test_float32_is_written_in_its_own_precision() -> None:
    request = sent_by(lambda client: client.model("m").elbo(np.array([[0.1]], np.float32)))

    assert b'"inputs":[[0.1]]' in request.content


def test_columns_of_another_layout_arrive_in_order() -> None:
    table = np.asfortranarray([[1.0, 2.0], [3.0, 4.0]])

    request = sent_by(lambda client: client.model("m").elbo(table[::-1]))

    assert orjson.loads(request.content)["inputs"] == [[3.0, 4.0], [1.0, 2.0]]


@pytest.mark.parametrize("inputs", [[[0.5, np.nan]], [[0.5, None]], np.float32([[0.5, np.nan]])])
def test_a_missing_value_is_sent_as_null(inputs: ArrayLike) -> None:
    request = sent_by(lambda client: client.model("m").elbo(inputs))

    assert orjson.loads(request.content)["inputs"] == [[0.5, None]]


def test_records_are_sent_in_the_place_of_inputs() -> None:
    records = [{"age": np.float64(41), "job": "cook"}, {"age": np.nan, "job": None}]

    request = sent_by(lambda client: client.model("m").elbo(records=records))

    body = orjson.loads(request.content)
    assert body["records"] == [{"age": 41, "job": "cook"}, {"age": None, "job": None}]
    assert "inputs" not in body


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda m: m.elbo([[0.0], [np.inf]]), r"inputs\[1, 0\] is inf; needed a finite"),
        (lambda m: m.decode([[0.0], [np.inf]]), r"latents\[1, 0\] is inf; needed a finite"),
        (lambda m: m.decode([[0.0], [np.nan]]), r"latents\[1, 0\] is nan; needed a finite"),
        (lambda m: m.elbo(records=[{}, {"age": -np.inf}]), r"records\[1\] has 'age' -inf; needed"),
    ],
)
def test_a_number_that_json_cannot_say_never_leaves(
    ask: Callable[[Any], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ask(answering(ELBO).model("m"))


@pytest.mark.parametrize("inputs", [[["red"]], [["1", None]], [[0], [1, 2]]])
def test_what_is_no_array_of_numbers_is_no_input(inputs: ArrayLike) -> None:
    with pytest.raises(ValueError, match=r"needed numbers|inhomogeneous"):
        answering(ELBO).model("m").elbo(inputs)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RequestRefusedError),
        (401, NotAllowedError),
        (403, NotAllowedError),
        (404, NotFoundError),
        (406, RequestRefusedError),
        (413, TooLargeError),
        (415, RequestRefusedError),
        (422, RequestRefusedError),
        (429, BusyError),
        (500, ServiceError),
        (503, UnavailableError),
        (504, DeadlineError),
    ],
)
def test_every_refusal_has_its_class(status: int, error: type[ServiceError]) -> None:
    with pytest.raises(ServiceError) as caught:
        answering({**PROBLEM, "status": status}, status).model("m").card()

    assert type(caught.value) is error


def test_an_error_carries_the_problem_body() -> None:
    with pytest.raises(RequestRefusedError, match=r"inputs\[1\] is wrong") as caught:
        answering(PROBLEM, 422).model("m").card()

    assert caught.value.errors == (FieldError("inputs[1][0]", "is 2; needed 0 or 1."),)
    assert (caught.value.status, caught.value.type) == (422, "/problems/support")
    assert caught.value.request_id == "abc"


def test_a_refusal_from_something_on_the_way_keeps_its_status() -> None:
    with pytest.raises(UnavailableError, match="503 without a reason"):
        answering(b"<html>", 503).model("m").card()


@pytest.mark.parametrize(("header", "seconds"), [({"Retry-After": "7"}, 7.0), ({}, None)])
def test_a_busy_service_says_when_to_come_back(
    header: dict[str, str], seconds: float | None
) -> None:
    with pytest.raises(BusyError) as caught:
        answering(PROBLEM, 429, **header).model("m").card()

    assert caught.value.retry_after_seconds == seconds


@pytest.mark.parametrize("content", [b"<html>", b"[1]"])
def test_an_answer_of_another_kind_of_service_is_unexpected(content: bytes) -> None:
    with pytest.raises(UnexpectedAnswerError):
        answering(content).models()


@pytest.mark.parametrize(
    ("failure", "error"),
    [(httpx.ConnectError("refused"), NoAnswerError), (httpx.ReadTimeout(""), AnswerTimeoutError)],
)
def test_no_answer_is_an_error_of_the_client(failure: Exception, error: type[Exception]) -> None:
    def service(_: httpx.Request) -> httpx.Response:
        raise failure

    with client_of(service) as client, pytest.raises(error):
        client.models()


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False)])
def test_ready_is_what_readyz_says(status: int, ready: bool) -> None:
    assert answering({}, status).ready() is ready


def test_a_service_that_is_not_there_is_not_ready() -> None:
    with VaeClient("http://127.0.0.1:1") as client:
        assert client.ready() is False


def test_the_async_client_asks_and_reads_alike() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=orjson.dumps(ELBO)))

    async def ask() -> tuple[list[float], bool]:
        async with AsyncVaeClient("http://service", transport=transport) as client:
            answer = await client.model("digits").elbo([[1.0]])
            return answer.elbo.tolist(), await client.ready()

    assert asyncio.run(ask()) == (ELBO["elbo"], True)


def test_the_async_client_of_a_missing_service_is_not_ready() -> None:
    async def ask() -> bool:
        async with AsyncVaeClient("http://127.0.0.1:1") as client:
            return await client.ready()

    assert asyncio.run(ask()) is False


def test_importing_the_client_imports_no_torch() -> None:
    code = "import sys, app.client; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_no_picture_is_unexpected() -> None:
    with pytest.raises(UnexpectedAnswerError, match="did not answer with a picture"):
        answering(ELBO).model("m").picture("sample")


def test_a_refused_picture_has_the_class_of_its_refusal() -> None:
    with pytest.raises(RequestRefusedError):
        answering(PROBLEM, 406).model("m").picture("sample")
