"""`impute`: gaps filled, observed values untouched, and how sure that is."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.builders import checkpoint_of, named_checkpoint, small_store
from tests.linear_gaussian import random_linear_gaussian
from tests.service import Service, places, refused, serving

MODEL = random_linear_gaussian(6, 2, 0, orthogonal=True)
ROW = MODEL.sample(1)[0].tolist()
LIMITS = {"max_samples": 1_000, "max_row_samples": 20_000, "max_elements": 100_000}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"))
    store.publish("linear", checkpoint_of(MODEL.schema, MODEL.vae()))
    store.publish("table", named_checkpoint())
    with serving(store.root, **LIMITS) as service:
        yield service


def impute(service: Service, inputs: list[Any], **options: object) -> dict[str, Any]:
    return service.ask("impute", "linear", inputs=inputs, **options)


def test_observed_values_come_back_as_they_were(service: Service) -> None:
    answer = impute(service, [[*ROW[:5], None], ROW])

    assert answer["outputs"][0][:5] == ROW[:5]
    assert answer["outputs"][1] == ROW
    assert answer["standard_deviation"][1] == [0] * 6
    assert answer["standard_deviation"][0][5] > 0
    assert answer["standard_error"][0][5] > 0


def test_draws_are_asked_for_by_number(service: Service) -> None:
    answer = impute(service, [[*ROW[:5], None]], num_imputations=3)

    assert np.shape(answer["samples"]) == (1, 3, 6)
    assert [draw[:5] for draw in answer["samples"][0]] == [ROW[:5]] * 3
    assert "samples" not in impute(service, [ROW])


def test_a_row_of_gaps_gets_the_overall_means(service: Service) -> None:
    answer = impute(service, [[None] * 6], num_samples=1_000)

    error = np.array(answer["standard_error"][0])
    np.testing.assert_array_less(np.abs(answer["outputs"][0] - MODEL.bias.numpy()), 5 * error)
    assert answer["log_likelihood"] == [0]
    assert answer["reliable"] == [True]


def test_categories_have_a_code_and_no_deviation(service: Service) -> None:
    record = {"age": 1.5, "member": 1, "visits": 3, "gap": 0, "job": None}

    answer = service.ask("impute", "table", records=[record])

    card = service.get("/v1/models/table").json()
    place = [feature["name"] for feature in card["features"]].index("job")
    assert answer["outputs"][0][place] in (0, 1)
    assert answer["standard_deviation"][0][place] is None


def test_one_sample_says_nothing_of_its_error(service: Service) -> None:
    answer = impute(service, [[*ROW[:5], None]], num_samples=1)

    assert answer["standard_error"][0][5] is None
    assert answer["log_likelihood_standard_error"] is None


@pytest.mark.parametrize(
    "options", [{"num_samples": 1_001}, {"num_imputations": 1_001}, {"num_imputations": 900}]
)
def test_more_than_the_server_takes_is_413(service: Service, options: dict[str, int]) -> None:
    inputs = [[*ROW[:5], None]] * 21

    problem = refused(service.post("/v1/models/linear/impute", {"inputs": inputs, **options}), 413)

    assert "this server" in problem["detail"]


@pytest.mark.parametrize("option", ["num_samples", "num_imputations", "refine"])
def test_a_negative_number_is_refused(service: Service, option: str) -> None:
    problem = refused(service.post("/v1/models/linear/impute", {"inputs": [ROW], option: -1}), 422)

    assert set(places(problem)) == {option}
