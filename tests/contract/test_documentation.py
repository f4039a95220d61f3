"""The API page and its document: complete, without network, and with examples that work."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_store.build import build_vae
from model_store.checkpoint import Checkpoint, digest_of
from model_store.schema import Gaussian, ModelSchema
from tests.builders import calibrated_checkpoint, small_checkpoint, small_store
from tests.models import KINDS, features
from tests.service import JSON, Service, serving

QUESTIONS = (
    "elbo",
    "log-likelihood",
    "encode",
    "decode",
    "sample",
    "reconstruct",
    "impute",
    "interpolate",
    "anomaly",
)
ABOUT_ROWS = ("elbo", "log-likelihood", "encode", "reconstruct", "impute", "anomaly")
WITH_PICTURES = ("decode", "sample", "reconstruct", "interpolate", "anomaly")
PROBLEM = "application/problem+json"
SAFETENSORS = "application/vnd.safetensors"
CSV = "text/csv"
PNG = "image/png"
NDJSON = "application/x-ndjson"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(small_store(tmp_path_factory.mktemp("store"), "digits").root) as service:
        yield service


@pytest.fixture(scope="module")
def document(service: Service) -> dict[str, Any]:
    return dict(service.get("/openapi.json").json())


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (path, method): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_example_is_answered_with_the_answer_shown(tmp_path: Path, kind: str) -> None:
    small_store(tmp_path).publish("m", calibrated_checkpoint(kind))

    with serving(tmp_path) as service:
        document = service.get("/openapi.json").json()
        for question in QUESTIONS:
            operation = document["paths"][f"/v1/models/{{model}}/{question}"]["post"]
            name = operation["parameters"][0]["example"]
            sent = operation["requestBody"]["content"][JSON["Content-Type"]]["example"]
            shown = operation["responses"]["200"]["content"][JSON["Content-Type"]]["example"]
            assert service.ask(question, name, **sent) == shown


def test_the_document_holds_every_route_of_the_contract(document: dict[str, Any]) -> None:
    questions = {(f"/v1/models/{{model}}/{question}", "post") for question in QUESTIONS}
    others = {"/livez", "/readyz", "/metrics", "/v1/models", "/v1/models/{model}"}
    others |= {"/v1/models/{model}/drift"}

    assert operations(document).keys() == questions | {(path, "get") for path in others}


def test_operations_have_names_a_program_can_use(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(document).values()]

    assert len(set(names)) == len(names)
    assert {"elbo", "log_likelihood", "list_models", "readyz"} <= set(names)


def test_every_route_and_every_body_is_described(document: dict[str, Any]) -> None:
    for operation in operations(document).values():
        assert len(operation["description"]) > 40
    for name, schema in document["components"]["schemas"].items():
        assert schema["description"], name


def test_every_error_has_the_body_of_a_problem(document: dict[str, Any]) -> None:
    for operation in operations(document).values():
        for status, response in operation["responses"].items():
            if status != "200":
                body = response["content"][PROBLEM]
                assert body["schema"] == {"$ref": "#/components/schemas/ProblemBody"}
                assert body["example"]["status"] == int(status)


def test_questions_tell_of_every_error_they_can_give(document: dict[str, Any]) -> None:
    for (path, method), operation in operations(document).items():
        if method == "post":
            statuses = {"200", "400", "404", "406", "413", "415", "422", "500", "503", "504"}
            own = {"409"} if path.endswith("anomaly") else set()
            assert operation["responses"].keys() == statuses | own, path


def test_questions_tell_of_every_media_type(document: dict[str, Any]) -> None:
    for (path, method), operation in operations(document).items():
        if method == "post":
            answers = operation["responses"]["200"]["content"]
            always = {*JSON.values(), SAFETENSORS, *([NDJSON] if path.endswith("anomaly") else [])}
            taken = always | {CSV} if path.endswith(ABOUT_ROWS) else always
            assert operation["requestBody"]["content"].keys() == taken
            pictures = {PNG} if path.endswith(WITH_PICTURES) else set()
            assert answers.keys() == always | {CSV} | pictures
            assert all(described["schema"] for described in answers.values())


def test_options_of_the_query_string_are_those_of_the_body(document: dict[str, Any]) -> None:
    operation = document["paths"]["/v1/models/{model}/elbo"]["post"]

    options = {p["name"]: p["schema"] for p in operation["parameters"] if p["in"] == "query"}

    assert options.keys() == {"num_samples", "seed", "per_feature", "per_latent"}
    # A page would send defaults along with a JSON body, which must not have any.
    assert not any("default" in schema for schema in options.values())
    assert options["num_samples"]["minimum"] == 1


def test_every_reference_leads_somewhere(service: Service, document: dict[str, Any]) -> None:
    used = set(re.findall(r"#/components/schemas/(\w+)", service.get("/openapi.json").text))

    assert used == document["components"]["schemas"].keys() - {"HTTPValidationError"}


def test_the_page_takes_nothing_from_another_server(service: Service) -> None:
    page = service.get("/docs").text

    links = re.findall(r"(?:src|href)=\"([^\"]+)\"", page)
    assert len(links) == 3
    assert {service.get(link).status_code for link in links} == {200}
    assert "https://" not in page


def test_a_model_without_calibration_lends_examples_to_the_other_questions(
    document: dict[str, Any],
) -> None:
    described = document["paths"]["/v1/models/{model}/anomaly"]["post"]["requestBody"]["content"]
    others = document["paths"]["/v1/models/{model}/elbo"]["post"]["requestBody"]["content"]

    assert "example" not in described[JSON["Content-Type"]]
    assert "example" in others[JSON["Content-Type"]]


def test_a_model_too_wide_for_a_page_lends_no_example(tmp_path: Path) -> None:
    small_store(tmp_path).publish("wide", wide_checkpoint(1025))

    with serving(tmp_path) as service:
        text = service.get("/openapi.json").text
        assert service.ask("sample", "wide", num_samples=1)

    assert '"example":"wide"' not in text


@pytest.mark.parametrize(("width", "question"), [(256, "elbo"), (257, "sample")])
def test_the_line_to_try_fits_a_terminal_and_works(
    tmp_path: Path, width: int, question: str
) -> None:
    small_store(tmp_path).publish("m", wide_checkpoint(width))

    with serving(tmp_path) as service:
        line = service.app.state.documentation.line_to_try("http://service")
        _, url, _, header, _, body = shlex.split(line)
        response = service.post(url, body.encode(), **dict([header.split(": ")]))

    assert url.endswith(f"/m/{question}")
    assert response.status_code == 200
    assert len(line) < 2500


def test_the_document_is_there_while_models_still_load(tmp_path: Path) -> None:
    small_store(tmp_path, "m")

    with serving(tmp_path, ready=False) as service:
        before = service.get("/openapi.json")
        service.portal.call(service.app.state.services.catalog.ready.wait)
        after = service.get("/openapi.json")

    assert before.status_code == after.status_code == 200
    assert '"example":"m"' in after.text


def wide_checkpoint(width: int) -> Checkpoint:
    model = ModelSchema(
        event_shape=(width,),
        latent_dim=1,
        features=features(width),
        likelihood=Gaussian(),
    )
    tensors = build_vae(model).state_dict()
    changes = {"model": model, "digest": digest_of(tensors)}
    return Checkpoint(small_checkpoint().document.model_copy(update=changes), tensors)
