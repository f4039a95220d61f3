"""Missing values: said in four ways, answered in one."""

from collections.abc import Iterator

import numpy as np
import pytest
from safetensors.numpy import save

from tests.builders import named_checkpoint, small_checkpoint, small_store
from tests.service import Service, places, refused, serving

QUESTIONS = ("elbo", "log-likelihood", "encode", "reconstruct", "impute")
INPUTS = [[1.5, None, 2, 3, None, 0], [None, 0, None, None, 0, 1]]
RECORDS = [
    {"age": 1.5, "colour": "red", "visits": 3, "gap": None, "job": "cook"},
    {"member": 0, "colour": None, "gap": 0, "job": "smith"},
]
TEXT = b"age,member,colour,visits,gap,job\n1.5,,red,3,,cook\n,0,,,0,smith\n"
TENSORS = save({"inputs": np.array(INPUTS, dtype=np.float32)})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"), "gaussian")
    store.publish("table", named_checkpoint())
    store.publish("bernoulli", small_checkpoint("bernoulli"))
    with serving(store.root) as service:
        yield service


@pytest.mark.parametrize("question", QUESTIONS)
def test_absent_keys_are_null(service: Service, question: str) -> None:
    by_name = service.ask(question, "table", records=RECORDS)

    assert by_name == service.ask(question, "table", inputs=INPUTS)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    ("media_type", "body"), [("text/csv", TEXT), ("application/vnd.safetensors", TENSORS)]
)
def test_empty_cells_and_nan_are_null(
    service: Service, question: str, media_type: str, body: bytes
) -> None:
    path = f"/v1/models/table/{question}"

    response = service.post(path, body, **{"Content-Type": media_type})

    assert response.json() == service.ask(question, "table", inputs=INPUTS)


def test_a_pixel_can_be_missing(service: Service) -> None:
    rows = [[[0.5, None, 1], [None, 0, 0]], [[0, 0, 0], [0, 0, 0]]]

    together = service.ask("elbo", inputs=rows, per_feature=True)

    assert together["per_feature"][0][0][1] == together["per_feature"][0][1][0] == 0
    assert together["elbo"][1] == pytest.approx(service.ask("elbo", inputs=rows[1:])["elbo"][0])


@pytest.mark.parametrize("record", [{}, {"age": None}])
def test_a_row_of_which_nothing_is_known_is_answered(
    service: Service, record: dict[str, object]
) -> None:
    likelihood = service.ask("log-likelihood", "table", records=[record])
    bound = service.ask("elbo", "table", records=[record])

    assert likelihood["log_likelihood"] == pytest.approx([0], abs=1e-9)
    assert bound["elbo"] == pytest.approx([-bound["kl_divergence"][0]])


def test_the_ends_of_a_line_may_have_gaps(service: Service) -> None:
    found = service.ask("interpolate", "table", start=INPUTS, end=INPUTS[::-1], steps=2)

    ends = service.ask("encode", "table", inputs=INPUTS)["loc"]
    np.testing.assert_allclose(np.array(found["latents"])[:, 0], ends, rtol=1e-6)


def test_a_value_outside_its_support_is_found_beside_a_gap(service: Service) -> None:
    body = {"inputs": [[[0, None, 0], [None, 0.5, 0]]]}

    problem = refused(service.post("/v1/models/bernoulli/elbo", body), 422)

    assert places(problem) == ["inputs[0]"]
    assert problem["detail"] == "inputs[0]: feature 'x[4]' (binary) is 0.5; needed 0 or 1."
