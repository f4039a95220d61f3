"""Safetensors and CSV: the same questions and the same answers as in JSON."""

import csv
import io
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from tests.builders import named_checkpoint, small_store
from tests.service import Service, places, refused, serving

SAFETENSORS = "application/vnd.safetensors"
CSV = "text/csv"
QUESTIONS = ("elbo", "log-likelihood", "encode", "reconstruct", "impute")
INPUTS = [[1.5, 1, 2, 3, -0.5, 0], [0, 0, 0, 0, 0, 1]]
TENSORS = {"inputs": np.array(INPUTS)}
TEXT = b"job,age,member,colour,visits,gap\r\ncook,1.5,1,red,3,-0.5\r\nsmith,0,0,blue,0,0\r\n"
TABLE = "/v1/models/table"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"), "image")
    store.publish("table", named_checkpoint())
    with serving(store.root, max_rows=100) as service:
        yield service


def lines_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("media_type", [SAFETENSORS, CSV])
def test_rows_of_every_type_have_the_same_answer(
    service: Service, question: str, media_type: str
) -> None:
    body = TEXT if media_type == CSV else save({"inputs": np.array(INPUTS)})

    response = service.post(f"{TABLE}/{question}?seed=7", body, **{"Content-Type": media_type})

    assert response.json() == service.ask(question, "table", inputs=INPUTS, seed=7)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_safetensors_answer_holds_what_the_json_answer_does(
    service: Service, question: str
) -> None:
    shown = service.ask(question, "table", inputs=INPUTS)

    response = service.post(f"{TABLE}/{question}", {"inputs": INPUTS}, Accept=SAFETENSORS)

    assert response.headers["content-type"] == SAFETENSORS
    arrays = load(response.content)
    assert arrays.keys() == {name for name, value in shown.items() if isinstance(value, list)}
    for name, array in arrays.items():
        np.testing.assert_allclose(array, np.array(shown[name], dtype=float), rtol=1e-6)


def test_latents_and_ends_go_in_as_safetensors_too(service: Service) -> None:
    ends = {"start": np.array(INPUTS), "end": np.array(INPUTS[::-1])}
    sent = {"Content-Type": SAFETENSORS}

    decoded = service.post(f"{TABLE}/decode", save({"latents": np.ones((2, 3))}), **sent)
    between = service.post(f"{TABLE}/interpolate?steps=3", save(ends), **sent)

    assert decoded.json() == service.ask("decode", "table", latents=[[1, 1, 1]] * 2)
    assert np.array(between.json()["outputs"]).shape == (2, 3, 6)


def test_a_csv_answer_has_a_line_a_row_and_names_the_model(service: Service) -> None:
    shown = service.ask("elbo", "table", inputs=INPUTS, num_samples=1, per_feature=True)

    path = f"{TABLE}/elbo?num_samples=1&per_feature=true"
    response = service.post(path, TEXT, **{"Content-Type": CSV, "Accept": CSV})

    lines = lines_of(response.text)
    assert response.headers["content-type"].startswith(CSV)
    assert response.headers["x-model"] == "table@1"
    assert [float(line["elbo"]) for line in lines] == shown["elbo"]
    assert [float(line["per_feature.gap"]) for line in lines] == [
        row[4] for row in shown["per_feature"]
    ]
    assert {line["standard_error"] for line in lines} == {""}


def test_outputs_in_csv_stand_under_the_features(service: Service) -> None:
    sent = {"Content-Type": CSV, "Accept": CSV}

    drawn = service.post(f"{TABLE}/sample", {"num_samples": 5}, Accept=CSV)
    seen = service.post(f"{TABLE}/reconstruct", TEXT, **sent)

    assert {line["colour"] for line in lines_of(drawn.text)} <= {"blue", "green", "red"}
    assert "latents[2]" in lines_of(drawn.text)[0]
    assert list(lines_of(seen.text)[0]) == ["age", "member", "colour", "visits", "gap", "job"]


def test_parameters_in_csv_are_columns_of_their_own(service: Service) -> None:
    body = {"latents": [[0, 0, 1]], "num_samples": 2}

    (line,) = lines_of(service.post(f"{TABLE}/decode", body, Accept=CSV).text)

    shown = service.ask("decode", "table", **body)
    assert float(line["parameters.age.loc"]) == shown["parameters"]["age"]["loc"][0]
    assert float(line["parameters.colour.probs[2]"]) == shown["parameters"]["colour"]["probs"][0][2]
    assert float(line["samples[1].gap"]) == shown["samples"][0][1][4]


@pytest.mark.parametrize(
    ("path", "body", "media_type", "place"),
    [
        ("elbo?seed=-1", TEXT, CSV, "seed"),
        ("elbo?seed=1.5", TEXT, CSV, "seed"),
        ("elbo?seed=x", TEXT, CSV, "seed"),
        ("elbo?seed=1&seed=2", TEXT, CSV, "seed"),
        ("elbo?steps=1", TEXT, CSV, "steps"),
        ("elbo?inputs=1", TEXT, CSV, "inputs"),
        ("elbo", TEXT.replace(b"red", b"pink"), CSV, "records[0]"),
        ("elbo", TEXT.replace(b"smith,0,0", b"smith,0,0.5"), CSV, "records[1]"),
        ("elbo", TEXT.replace(b"gap", b"gape"), CSV, "body"),
        ("elbo", save({"inputs": np.zeros((1, 5))}), SAFETENSORS, "inputs[0]"),
        ("elbo", save({"inputs": np.full((1, 6), np.inf)}), SAFETENSORS, "inputs[0][0]"),
        ("elbo", save({"inputs": np.full((1, 6), 0.5)}), SAFETENSORS, "inputs[0]"),
        ("elbo", save({}), SAFETENSORS, "inputs"),
        ("elbo", save({"latents": np.zeros((1, 3))}), SAFETENSORS, "latents"),
        ("elbo", save(TENSORS | {"records": np.zeros((1, 6))}), SAFETENSORS, "records"),
        ("elbo", save(TENSORS | {"seed": np.array(1)}), SAFETENSORS, "seed"),
        ("elbo?seed=1", save(TENSORS | {"seed": np.array(1)}), SAFETENSORS, "seed"),
        ("decode", save({"latents": np.full((1, 3), np.nan)}), SAFETENSORS, "latents[0][0]"),
        ("elbo?seed=1", b'{"inputs":[[1.5,1,2,3,-0.5,0]]}', "application/json", "seed"),
    ],
)
def test_what_is_wrong_is_told_where(
    service: Service, path: str, body: bytes, media_type: str, place: str
) -> None:
    response = service.post(f"{TABLE}/{path}", body, **{"Content-Type": media_type})

    assert places(refused(response, 422)) == [place]


@pytest.mark.parametrize(
    ("body", "media_type"), [(b"{}", SAFETENSORS), (b"\xff", CSV), (b'"', CSV), (b"", SAFETENSORS)]
)
def test_a_body_that_is_not_what_it_is_said_to_be_is_400(
    service: Service, body: bytes, media_type: str
) -> None:
    refused(service.post(f"{TABLE}/elbo", body, **{"Content-Type": media_type}), 400)


@pytest.mark.parametrize("path", ["table/decode", "table/sample", "image/elbo"])
def test_csv_is_for_rows_of_tables(service: Service, path: str) -> None:
    refused(service.post(f"/v1/models/{path}", TEXT, **{"Content-Type": CSV}), 415)


@pytest.mark.parametrize(("model", "accept"), [("table", "text/html"), ("image", CSV)])
def test_an_answer_that_there_is_not_is_406(service: Service, model: str, accept: str) -> None:
    problem = refused(service.post(f"/v1/models/{model}/sample", {}, Accept=accept), 406)

    assert problem["detail"].startswith("This model answers in application/json, ")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html, */*;q=0.1"])
def test_json_is_answered_where_it_is_accepted(service: Service, accept: str) -> None:
    response = service.post(f"{TABLE}/sample", {}, Accept=accept)

    assert response.headers["content-type"] == "application/json"


def test_too_many_lines_are_413(service: Service) -> None:
    body = b"job,age,member,colour,visits,gap\n" + b"cook,1,1,red,1,1\n" * 101

    refused(service.post(f"{TABLE}/elbo", body, **{"Content-Type": CSV}), 413)


def test_an_answer_too_wide_for_a_table_is_413(service: Service) -> None:
    body = {"latents": [[0, 0, 0]], "num_samples": 5000}

    problem = refused(service.post(f"{TABLE}/decode", body, Accept=CSV), 413)

    assert problem["detail"] == "The answer has 30,000 columns; text/csv takes 16,384 at most."


@settings(deadline=None, max_examples=200)
@given(
    content=st.binary(max_size=80) | st.just(TEXT) | st.just(save({"inputs": np.array(INPUTS)})),
    position=st.integers(0, 90),
    media_type=st.sampled_from([SAFETENSORS, CSV]),
    accept=st.sampled_from([SAFETENSORS, CSV, "*/*"]),
    query=st.text(max_size=8),
)
def test_whatever_comes_is_answered(
    service: Service, content: bytes, position: int, media_type: str, accept: str, query: str
) -> None:
    body = content[:position] + b"7" + content[position + 1 :]
    question = "elbo" if position % 2 else "encode"
    path = f"{TABLE}/{question}?" + "".join(f"%{byte:02x}" for byte in query.encode())

    response = service.post(path, body, **{"Content-Type": media_type, "Accept": accept})

    assert response.status_code < 500, response.text
    if response.status_code != 200:
        refused(response, response.status_code)
