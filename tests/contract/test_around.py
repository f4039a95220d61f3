"""What surrounds every answer: health, ids, timing, limits, methods, the last resort."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.builders import small_store
from tests.service import JSON, Service, refused, serving

ROWS = {"inputs": [[[0, 0, 0], [0, 0, 0]]] * 3}
ELBO = "/v1/models/m/elbo"


def test_a_living_process_says_so(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        assert service.get("/livez").json() == {"status": "alive"}


def test_ready_names_the_models_that_are_loaded(tmp_path: Path) -> None:
    store = small_store(tmp_path, "m", "m", "m", "n")
    store.set_alias("m", "old", 1)

    with serving(tmp_path) as service:
        body = service.get("/readyz").json()

    models = [(model["name"], model["version"]) for model in body["models"]]
    assert (body["status"], models) == ("ready", [("m", 1), ("m", 3), ("n", 1)])


def test_a_server_that_still_loads_is_not_ready(tmp_path: Path) -> None:
    small_store(tmp_path, "m")

    with serving(tmp_path, ready=False) as service:
        refused(service.get("/readyz"), 503)
        assert service.get("/livez").status_code == 200


def test_a_question_to_a_model_that_still_loads_waits_for_it(tmp_path: Path) -> None:
    small_store(tmp_path, "m")

    with serving(tmp_path, ready=False) as service:
        assert service.ask("elbo", "m", **ROWS)


def test_an_empty_store_is_served(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with serving(tmp_path / "nothing") as service:
        assert service.get("/readyz").json() == {"status": "ready", "models": []}
        assert service.get("/v1/models").json() == {"models": [], "broken": []}
        assert service.get("/openapi.json").status_code == 200

    assert "The store holds no model" in caplog.text


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"), "m")
    limits = {"max_rows": 10, "max_samples": 100, "max_row_samples": 200, "max_body_bytes": 2000}
    with serving(store.root, **limits, max_elements=1000) as service:
        yield service


def test_a_request_id_comes_back(service: Service) -> None:
    response = service.get("/livez", **{"X-Request-ID": "abc-123/7"})

    assert response.headers["x-request-id"] == "abc-123/7"


def test_a_request_without_an_id_gets_one_of_its_own(service: Service) -> None:
    ids = {service.get("/livez").headers["x-request-id"] for _ in range(3)}

    assert len(ids) == 3


def test_a_request_id_cannot_smuggle_anything(service: Service) -> None:
    sent = {"X-Request-ID": "a<b>\tc;" + "d" * 500}

    refusal = refused(service.get("/nowhere", **sent), 404)

    assert refusal["request_id"] == "abc" + "d" * 121


def test_every_response_tells_its_time(service: Service) -> None:
    timing = service.get("/livez").headers["server-timing"]

    name, duration = timing.split(";dur=")
    assert name == "total"
    assert 0 < float(duration) < 10_000


def test_another_method_is_405_and_told_which_is_taken(service: Service) -> None:
    response = service.get(ELBO)

    refused(response, 405)
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/models/", "/v1/models/m/elbo/", "/v2/models"])
def test_another_path_is_404(service: Service, path: str) -> None:
    refused(service.get(path), 404)


def test_a_body_declared_too_long_is_413_before_it_is_read(service: Service) -> None:
    problem = refused(service.post(ELBO, b" " * 2001), 413)

    assert problem["detail"] == "The body has 2,001 bytes; this server takes 2,000 at most."


def test_a_body_that_grows_too_long_is_413(service: Service) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 1000

    response = service.portal.call(lambda: service.client.post(ELBO, content=body(), headers=JSON))

    problem = refused(response, 413)
    assert problem["detail"] == "The body has more bytes; this server takes 2,000 at most."


@pytest.mark.parametrize(
    ("question", "body", "limit"),
    [
        ("elbo", {"inputs": [[[0, 0, 0], [0, 0, 0]]] * 11}, "10"),
        ("elbo", ROWS | {"num_samples": 101}, "100"),
        ("elbo", ROWS | {"num_samples": 67}, "200"),
        ("interpolate", {"start": ROWS["inputs"], "end": ROWS["inputs"], "steps": 101}, "100"),
        ("sample", {"num_samples": 101}, "100"),
        ("decode", {"latents": [[0, 0, 0]] * 3, "num_samples": 60}, "1,000"),
    ],
)
def test_more_rows_or_samples_than_the_limit_are_413_with_the_limit(
    service: Service, question: str, body: dict[str, object], limit: str
) -> None:
    problem = refused(service.post(f"/v1/models/m/{question}", body), 413)

    assert f"{limit} " in problem["detail"]


def test_rows_too_wide_for_their_number_are_413(tmp_path: Path) -> None:
    small_store(tmp_path, "m")

    with serving(tmp_path, max_elements=40) as service:
        problem = refused(service.post(ELBO, ROWS), 413)

    assert problem["type"].endswith("too-many-rows")


def test_a_fault_of_the_server_is_a_500_that_tells_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path) as service:
        service.app.state.services = None
        problem = refused(service.get("/v1/models"), 500)

    assert problem["detail"] == "The server failed; its log has the reason."
    assert problem["request_id"] in caplog.text
    assert "Traceback" in caplog.text
