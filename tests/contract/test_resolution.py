"""`log-likelihood` with a resolution: a probability in the place of a density, and what is not."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.builders import checkpoint_of, small_store
from tests.linear_gaussian import random_linear_gaussian
from tests.service import Service, places, refused, serving

MODEL = random_linear_gaussian(4, 2, 0, orthogonal=True)
ROWS = MODEL.sample(3)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"))
    store.publish("linear", checkpoint_of(MODEL.schema, MODEL.vae()))
    with serving(store.root) as service:
        yield service


@pytest.mark.parametrize("resolution", [1e-3, [1e-3] * 4])
def test_a_narrow_interval_has_its_width_times_the_density(
    service: Service, resolution: object
) -> None:
    answer = service.ask("log-likelihood", "linear", inputs=ROWS.tolist(), resolution=resolution)

    assert answer["measure"] == "probability"
    expected = MODEL.log_prob(ROWS) + 4 * np.log(1e-3)
    np.testing.assert_allclose(answer["log_likelihood"], expected, atol=1e-3)


def test_widths_stand_beside_missing_values(service: Service) -> None:
    inputs = [[None, *ROWS[0, 1:].tolist()]]

    answer = service.ask("log-likelihood", "linear", inputs=inputs, resolution=[9, 1, 1, 1])

    same = service.ask("log-likelihood", "linear", inputs=inputs, resolution=1)
    assert answer["log_likelihood"] == same["log_likelihood"]


def test_widths_stand_in_a_query_string(service: Service) -> None:
    text = ",".join(f"x[{i}]" for i in range(4)) + "\n1,2,3,4\n"

    response = service.post(
        "/v1/models/linear/log-likelihood?resolution=[1,1,1,1]",
        text.encode(),
        **{"Content-Type": "text/csv"},
    )

    expected = service.ask("log-likelihood", "linear", inputs=[[1, 2, 3, 4]], resolution=1)
    assert response.json()["log_likelihood"] == expected["log_likelihood"]


@pytest.mark.parametrize(
    ("resolution", "message"),
    [
        (0, "resolution: needed numbers above 0."),
        (-1.5, "resolution: needed numbers above 0."),
        ([1, 1, 0, 1], "resolution: needed numbers above 0."),
        ([1, 1], "resolution has 2 numbers; this model takes one, or 4: one for each feature."),
        ([], "resolution: needed a number, or one for each feature."),
        ([[1, 1, 1, 1]], "resolution: needed a number, or one for each feature."),
        ([1, None, 1, 1], "resolution: needed a number, or one for each feature."),
    ],
)
def test_a_resolution_that_is_none_is_refused(
    service: Service, resolution: object, message: str
) -> None:
    body = {"inputs": ROWS.tolist(), "resolution": resolution}

    problem = refused(service.post("/v1/models/linear/log-likelihood", body), 422)

    assert problem["errors"] == [{"location": "resolution", "message": message}]


@pytest.mark.parametrize("resolution", ["wide", {"x": 1}, True])
def test_a_resolution_of_another_kind_is_refused(service: Service, resolution: object) -> None:
    body = {"inputs": ROWS.tolist(), "resolution": resolution}

    problem = refused(service.post("/v1/models/linear/log-likelihood", body), 422)

    assert places(problem) == ["resolution"]
