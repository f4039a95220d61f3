"""What is wrong with a question is told in the same words, whatever the medium it was put in."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import named_checkpoint, small_checkpoint, small_store
from tests.media import CSV, JSON, SAFETENSORS, Medium
from tests.service import Service, refused, serving

ROW = [[0, 0, 0], [0, 0, 0]]
RECORD = {"age": 1.5, "member": 1, "colour": "red", "visits": 3, "gap": -0.5, "job": "cook"}
LIMITS = {"max_rows": 100, "max_samples": 1000, "max_row_samples": 2000, "max_elements": 9000}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"), "gaussian")
    store.publish("bernoulli", small_checkpoint("bernoulli"))
    store.publish("table", named_checkpoint())
    with serving(store.root, **LIMITS) as service:
        yield service


def problem_in(medium: Medium, service: Service, question: str, model: str, body: Any) -> Any:  # noqa: ANN401
    """What a body is refused with, but for the request's own id."""
    response = service.speaking(medium).put(question, model, **body)
    return refused(response, response.status_code) | {"request_id": ""}


@pytest.mark.parametrize(
    "inputs",
    [
        3,
        False,
        [],
        [[]],
        [[[]]],
        [[[], []]],
        [1, 2, 3, 4, 5, 6],
        [True],
        [[1, 2, 3, 4, 5, 6]],
        [[1, 2, 3, 4, 5]],
        [[True, False]],
        [ROW[:1]],
        [ROW * 2],
        [[[0, 0], [0, 0], [0, 0]]],
        [[[0, 0, 0, 0], [0, 0, 0, 0]]] * 2,
        [[[[0]] * 3] * 2],
        [[[[]] * 3] * 2],
        [[[[[[1]]]]]],
        [[[False] * 3] * 2],
        [ROW, [[0, 0, 0], [0, 0, 1e300]]],
        [ROW] * 101,
    ],
    ids=lambda value: repr(value)[:40],
)
def test_inputs_that_are_no_rows(service: Service, inputs: object) -> None:
    case = (service, "elbo", "gaussian", {"inputs": inputs})

    assert problem_in(SAFETENSORS, *case) == problem_in(JSON, *case)


@pytest.mark.parametrize(
    "options",
    [
        {"seed": -1},
        {"seed": 2**63},
        {"seed": 2**64},
        {"seed": 10**400},
        {"seed": 1.5},
        {"seed": 1e300},
        {"seed": "1"},
        {"seed": ""},
        {"seed": "null"},
        {"seed": '1,"per_feature":true'},
        {"seed": "\ud800\0é\u2028".encode("utf-8", "replace").decode()},
        {"seed": None},
        {"seed": True},
        {"seed": [1]},
        {"seed": [[1]]},
        {"seed": {"a": 1}},
        {"num_samples": 0},
        {"num_samples": 1001},
        {"num_samples": 2001},
        {"refine": 51},
        {"max_samples": 300},
        {"max_samples": 2, "target_standard_error": 0.1},
        {"target_standard_error": 0},
        {"target_standard_error": "NaN"},
        {"target_standard_error": [0.1]},
        {"resolution": 0},
        {"resolution": []},
        {"resolution": [1, 1]},
        {"resolution": [[1, 1, 1, 1, 1, 1]]},
        {"resolution": [1, None, 1, 1, 1, 1]},
        {"resolution": [1, True, 1, 1, 1, 1]},
        {"resolution": {"x": 1}},
        {"resolution": False},
        {"steps": 3},
        {"latents": [[0, 0, 0]]},
        {"start": [ROW], "seed": -1},
        {"a b": 1},
        {"x" * 99: 1},
        {"é": 1},
    ],
    ids=lambda value: repr(value)[:40],
)
def test_options_that_are_none(service: Service, options: dict[str, object]) -> None:
    case = (service, "log-likelihood", "gaussian", {"inputs": [ROW] * 3, **options})

    assert problem_in(SAFETENSORS, *case) == problem_in(JSON, *case)


@pytest.mark.parametrize(
    ("question", "model", "body"),
    [
        ("elbo", "gaussian", {}),
        ("decode", "gaussian", {}),
        ("decode", "gaussian", {"inputs": [ROW]}),
        ("decode", "gaussian", {"latents": [[0, 0, 0, 0]]}),
        ("decode", "gaussian", {"latents": [[0, 0, 0]], "num_samples": 1000.5}),
        ("decode", "gaussian", {"latents": [[0, 0, 0]] * 20, "num_samples": 100}),
        ("interpolate", "gaussian", {"start": [ROW]}),
        ("interpolate", "gaussian", {"start": [ROW], "end": [ROW] * 2}),
        ("interpolate", "gaussian", {"start": [ROW], "end": [ROW[0]]}),
        ("interpolate", "gaussian", {"start": [ROW], "end": [ROW], "steps": 0}),
        ("interpolate", "bernoulli", {"start": [ROW], "end": [[[0, 7, 0], [0, 0, 0]]]}),
        ("elbo", "bernoulli", {"inputs": [ROW, [[0, None, 0], [0, 0.5, 0]]]}),
        ("encode", "gaussian", {"inputs": [ROW] * 100, "num_samples": 21}),
        ("impute", "gaussian", {"inputs": [ROW] * 20, "num_imputations": 90}),
        ("sample", "gaussian", {"temperature": -0.5}),
        ("sample", "gaussian", {"temperature": 1e300}),
        ("sample", "gaussian", {"observation_noise": 1}),
        ("sample", "gaussian", {"inputs": [ROW]}),
        ("elbo", "nobody", {"inputs": [ROW]}),
        ("nothing", "gaussian", {"inputs": [ROW]}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_questions_of_every_kind(
    service: Service, question: str, model: str, body: dict[str, object]
) -> None:
    case = (service, question, model, body)

    assert problem_in(SAFETENSORS, *case) == problem_in(JSON, *case)


def test_what_is_missing_is_called_by_the_medium_s_own_name(service: Service) -> None:
    case = (service, "decode", "gaussian", {"latents": [[0, 0, 0], [0, None, 0]]})

    in_json, in_tensors = problem_in(JSON, *case), problem_in(SAFETENSORS, *case)

    assert in_json["errors"][0]["location"] == "latents[1][1]"
    renamed = {**in_json, "detail": in_json["detail"].replace("null", "NaN")}
    assert in_tensors == {
        **renamed,
        "errors": [{"location": "latents[1][1]", "message": renamed["detail"]}],
    }


@pytest.mark.parametrize(
    ("records", "options"),
    [
        ([RECORD, RECORD | {"member": 0.5}], {}),
        ([RECORD | {"visits": -1}], {}),
        ([RECORD | {"colour": "pink"}], {}),
        ([RECORD | {"colour": "x" * 99}], {}),
        ([RECORD | {"visits": 1e300}], {}),
        ([RECORD] * 101, {}),
        ([RECORD], {"seed": -1}),
        ([RECORD], {"seed": "x"}),
        ([RECORD], {"num_samples": 2**70}),
        ([RECORD], {"steps": 1}),
        ([RECORD] * 3, {"num_samples": 1000}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_tables(service: Service, records: list[object], options: dict[str, object]) -> None:
    case = (service, "elbo", "table", {"records": records, **options})

    assert problem_in(CSV, *case) == problem_in(JSON, *case)
