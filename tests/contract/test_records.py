"""Rows of a table by name: answered as the same rows in arrays, refused by row and name."""

from collections.abc import Iterator

import pytest

from tests.builders import named_checkpoint, small_store
from tests.service import Service, places, refused, serving

QUESTIONS = ("elbo", "log-likelihood", "encode", "reconstruct", "impute")
INPUTS = [[1.5, 1, 2, 3, -0.5, 0], [0, 0, 0, 0, 0, 1]]
RECORDS = [
    {"age": 1.5, "member": 1, "colour": "red", "visits": 3, "gap": -0.5, "job": "cook"},
    {"job": "smith", "gap": 0, "visits": 0, "colour": "blue", "member": 0, "age": 0},
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"), "image")
    store.publish("table", named_checkpoint())
    with serving(store.root, max_rows=100) as service:
        yield service


@pytest.mark.parametrize("question", QUESTIONS)
def test_records_are_answered_as_the_same_rows_in_arrays(service: Service, question: str) -> None:
    by_name = service.ask(question, "table", records=RECORDS)

    assert by_name == service.ask(question, "table", inputs=INPUTS)


def test_a_value_outside_its_support_is_told_by_record_and_name(service: Service) -> None:
    body = {"records": [RECORDS[0], RECORDS[1] | {"member": 0.5}]}

    problem = refused(service.post("/v1/models/table/elbo", body), 422)

    assert places(problem) == ["records[1]"]
    assert problem["detail"] == "records[1]: feature 'member' (binary) is 0.5; needed 0 or 1."


def test_an_unknown_category_is_told_by_record_and_name(service: Service) -> None:
    body = {"records": [RECORDS[0] | {"colour": "pink"}]}

    problem = refused(service.post("/v1/models/table/elbo", body), 422)

    assert problem["detail"] == (
        "records[0]: feature 'colour' is 'pink'; needed one of 'blue', 'green', 'red'."
    )


def test_inputs_and_records_at_once_are_refused(service: Service) -> None:
    body = {"records": RECORDS, "inputs": INPUTS}

    assert places(refused(service.post("/v1/models/table/elbo", body), 422)) == ["records"]


def test_a_body_with_neither_is_told_of_both(service: Service) -> None:
    problem = refused(service.post("/v1/models/table/elbo", {}), 422)

    assert problem["detail"] == "inputs is missing; needed it, or the records of a table."


def test_records_of_an_image_are_refused(service: Service) -> None:
    response = service.post("/v1/models/image/elbo", {"records": RECORDS})

    assert places(refused(response, 422)) == ["records"]


@pytest.mark.parametrize("question", ["decode", "sample", "interpolate"])
def test_a_question_without_inputs_has_no_records(service: Service, question: str) -> None:
    response = service.post(f"/v1/models/table/{question}", {"records": RECORDS})

    assert "records" in places(refused(response, 422))


def test_too_many_records_are_413(service: Service) -> None:
    problem = refused(service.post("/v1/models/table/elbo", {"records": [{}] * 101}), 413)

    assert problem["detail"] == "The request has 101 rows; this server takes 100 at once."
