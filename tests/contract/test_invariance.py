"""A row's answer depends on the row, the model and the options: on nothing around it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pytest

from tests.builders import calibrated_checkpoint, small_store
from tests.models import random_rows
from tests.service import JSON, Service, serving

KINDS = ["gaussian", "discretized_logistic", "mixed"]
PER_ROW = {
    "elbo": ("elbo", "reconstruction", "kl_divergence", "standard_error"),
    "log-likelihood": ("log_likelihood", "standard_error", "effective_sample_size", "elbo"),
    "encode": ("loc", "scale", "kl_divergence"),
    "anomaly": ("score", "p_value", "is_anomaly"),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"))
    for kind in KINDS:
        store.publish(kind, calibrated_checkpoint(kind))
    with serving(store.root) as service:
        yield service


def assert_same(answer: dict[str, Any], other: dict[str, Any], question: str) -> None:
    for name in PER_ROW[question]:
        np.testing.assert_allclose(answer[name], other[name], rtol=1e-5, atol=1e-9, err_msg=name)


def part(answer: dict[str, Any], order: list[int], question: str) -> dict[str, Any]:
    return {name: np.array(answer[name])[order] for name in PER_ROW[question]}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("question", PER_ROW)
def test_a_row_alone_is_the_row_among_500(service: Service, kind: str, question: str) -> None:
    rows = random_rows(kind, 500).tolist()

    together = service.ask(question, kind, inputs=rows)

    for i in (0, 123, 499):
        alone = service.ask(question, kind, inputs=[rows[i]])
        assert_same(alone, part(together, [i], question), question)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_reconstructed_alone_is_the_row_among_500(service: Service, kind: str) -> None:
    rows = random_rows(kind, 500).tolist()

    together = np.array(service.ask("reconstruct", kind, inputs=rows)["outputs"])

    # Relative to the feature: where its mean is subtracted, a value may be anything small.
    magnitude = np.abs(together).max(axis=0)
    for i in (0, 123, 499):
        alone = np.array(service.ask("reconstruct", kind, inputs=[rows[i]])["outputs"][0])
        assert (np.abs(alone - together[i]) <= 1e-5 * magnitude).all()


@pytest.mark.parametrize("question", PER_ROW)
def test_the_order_of_rows_does_not_matter(service: Service, question: str) -> None:
    rows = random_rows("gaussian", 500)
    order = np.random.default_rng(0).permutation(500).tolist()

    straight = service.ask(question, inputs=rows.tolist())
    shuffled = service.ask(question, inputs=rows[order].tolist())

    assert_same(shuffled, part(straight, order, question), question)


def test_fifty_clients_at_once_get_what_each_gets_alone(service: Service) -> None:
    rows = random_rows("gaussian", 50).tolist()
    bodies = [{"inputs": [row], "seed": i % 3} for i, row in enumerate(rows)]

    async def all_at_once() -> list[dict[str, Any]]:
        url = "/v1/models/gaussian/elbo"
        calls = [service.client.post(url, content=orjson.dumps(b), headers=JSON) for b in bodies]
        return [response.json() for response in await asyncio.gather(*calls)]

    together = service.portal.call(all_at_once)

    for body, answer in zip(bodies, together, strict=True):
        assert_same(answer, service.ask("elbo", **body), "elbo")


@pytest.mark.parametrize("question", ["elbo", "log-likelihood", "encode", "sample"])
def test_the_same_request_has_the_same_answer(service: Service, question: str) -> None:
    body: dict[str, Any] = {"seed": 7, "num_samples": 4}
    if question != "sample":
        body["inputs"] = random_rows("gaussian", 3).tolist()

    assert service.ask(question, **body) == service.ask(question, **body)


def test_another_seed_has_another_answer(service: Service) -> None:
    rows = random_rows("gaussian", 3).tolist()

    answers = [service.ask("elbo", inputs=rows, seed=seed)["elbo"] for seed in (0, 1)]

    assert answers[0] != answers[1]


def test_equal_rows_have_equal_answers(service: Service) -> None:
    row = random_rows("gaussian", 1).tolist()[0]

    answer = service.ask("log-likelihood", inputs=[row] * 5)

    np.testing.assert_allclose(answer["log_likelihood"], answer["log_likelihood"][0], rtol=1e-12)


def test_a_bad_row_does_not_fail_the_requests_that_wait_with_it(service: Service) -> None:
    rows = [[[0, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 1e300]], [[1, 1, 1], [1, 1, 1]]]

    async def all_at_once() -> list[int]:
        url = "/v1/models/gaussian/elbo"
        bodies = [orjson.dumps({"inputs": [row]}) for row in rows]
        calls = [service.client.post(url, content=body, headers=JSON) for body in bodies]
        return [response.status_code for response in await asyncio.gather(*calls)]

    assert service.portal.call(all_at_once) == [200, 422, 200]
