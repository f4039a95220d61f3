"""Bad bodies: the right status, the right place, and nothing of the body in the answer."""

from collections.abc import Iterator

import pytest

from tests.builders import small_checkpoint, small_store
from tests.service import Service, places, refused, serving

ROW = b"[[0,0,0],[0,0,0]]"
ELBO = "/v1/models/gaussian/elbo"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"), "gaussian")
    for kind in ("bernoulli", "mixed", "poisson"):
        store.publish(kind, small_checkpoint(kind))
    with serving(store.root) as service:
        yield service


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"inputs",
        b'{"inputs":[%s]}x' % ROW,
        b'{"inputs":[%s],}' % ROW,
        b"{'inputs':1}",
        b'{"inputs":[[[0,0,NaN],[0,0,0]]]}',
        b'{"inputs":[[[0,0,Infinity],[0,0,0]]]}',
        b'{"inputs":[[[0,0,-Infinity],[0,0,0]]]}',
        b'{"inputs":[[[0,0,01],[0,0,0]]]}',
        b'{"inputs":"\xff"}',
        b"\xff\xfe",
        b"[" * 600_000,
        b'{"inputs":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_is_not_json_is_400(service: Service, body: bytes) -> None:
    refused(service.post(ELBO, body), 400)


def test_what_would_take_the_parser_many_times_its_size_is_413(service: Service) -> None:
    problem = refused(service.post(ELBO, b"[" * 10_000_000), 413)

    assert "this server takes 1,666,666 in so long a body" in problem["detail"]


@pytest.mark.parametrize("body", [b"[]", b"null", b'"inputs"', b"3", b"true"])
def test_json_that_is_no_object_is_422(service: Service, body: bytes) -> None:
    assert places(refused(service.post(ELBO, body), 422)) == ["body"]


@pytest.mark.parametrize(
    ("inputs", "place"),
    [
        (b"null", "inputs"),
        (b"3", "inputs"),
        (b'"rows"', "inputs"),
        (b"{}", "inputs"),
        (b"[]", "inputs"),
        (b"[[]]", "inputs[0]"),
        (b"[1,2,3,4,5,6]", "inputs[0]"),
        (b"[[1,2,3,4,5,6]]", "inputs[0]"),
        (b"[%s,[[0,0,0],[0,0]]]" % ROW, "inputs[1]"),
        (b"[%s,[[0,0,0],[0,0,0,0]]]" % ROW, "inputs[1]"),
        (b"[[[0,0,0,0],[0,0]]]", "inputs[0]"),
        (b"[%s,[[0,0,0],[0,[0,0],[]]]]" % ROW, "inputs[1][1][1]"),
        (b"[[[[0],[0],[0]],[[0],[0],[0]]]]", "inputs[0][0][0]"),
        (b'[[[0,0,0],[0,"0",0]]]', "inputs[0][1][1]"),
        (b"[[[0,0,0],[0,false,0]]]", "inputs[0][1][1]"),
        (b"[[[0,0,0],[0,{},0]]]", "inputs[0][1][1]"),
        (b"[[[0,0,0],[0,1e999,0]]]", "inputs[0][1][1]"),
        (b"[[[0,0,0],[0,-1e999,0]]]", "inputs[0][1][1]"),
        (b"[[[0,0,0],[0,1%s,0]]]" % (b"0" * 400), "inputs[0][1][1]"),
        (b"[[[0,0,0],[0,1%s,0]]]" % (b"0" * 5000), "inputs[0][1][1]"),
        (b"[" * 900 + b"]" * 900, "inputs[0][0][0]"),
        (b"[[[0,0,0],[0,0,1e300]]]", "inputs[0]"),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_inputs_that_are_no_rows_are_422_and_told_where(
    service: Service, inputs: bytes, place: str
) -> None:
    problem = refused(service.post(ELBO, b'{"inputs":%s}' % inputs), 422)

    assert places(problem) == [place]


def test_a_row_of_the_wrong_width_is_told_with_both_numbers(service: Service) -> None:
    problem = refused(service.post(ELBO, b'{"inputs":[[[0,0,0],[0,0]]]}'), 422)

    assert problem["detail"] == "inputs[0] has 5 values; this model takes 6 = (2, 3)."


def test_latents_of_the_wrong_width_are_422(service: Service) -> None:
    response = service.post("/v1/models/gaussian/decode", {"latents": [[0, 0, 0], [0, 0]]})

    problem = refused(response, 422)
    assert problem["detail"] == "latents[1] has 2 values; this model takes 3."


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ("elbo", "records"),
        ("log-likelihood", "records"),
        ("elbo", "latents"),
        ("encode", "steps"),
        ("sample", "inputs"),
    ],
)
def test_a_field_the_route_does_not_have_is_refused_by_name(
    service: Service, question: str, field: str
) -> None:
    problem = refused(service.post(f"/v1/models/gaussian/{question}", {field: 1}), 422)

    assert field in places(problem)


def test_thousands_of_fields_are_refused_as_one(service: Service) -> None:
    body = {f"x{i}": 0 for i in range(10_000)}

    problem = refused(service.post(ELBO, body), 422)

    assert places(problem) == ["body"]
    assert problem["detail"].startswith("The body has 10,000 fields; this route takes inputs, ")


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": "1"}, "seed"),
        ({"seed": None}, "seed"),
        ({"seed": True}, "seed"),
        ({"seed": [1]}, "seed"),
        ({"seed": {"a": 1}}, "seed"),
        ({"num_samples": 0}, "num_samples"),
        ({"num_samples": 16.5}, "num_samples"),
        ({"per_feature": 1}, "per_feature"),
        ({"per_latent": "true"}, "per_latent"),
    ],
)
def test_an_option_of_the_wrong_kind_is_refused_by_name(
    service: Service, options: dict[str, object], place: str
) -> None:
    body = {"inputs": [[[0, 0, 0], [0, 0, 0]]], **options}

    assert places(refused(service.post(ELBO, body), 422)) == [place]


def test_an_integer_beyond_64_bits_is_a_number_like_any_other(service: Service) -> None:
    digits = b'{"inputs":[[[0,0,100000000000000000000],[0,0,0]]]}'
    floats = b'{"inputs":[[[0,0,1e20],[0,0,0]]]}'

    responses = [service.post("/v1/models/poisson/elbo", body) for body in (digits, floats)]

    assert responses[0].status_code == 200
    assert responses[0].json() == responses[1].json()


@pytest.mark.parametrize("options", [{"temperature": -0.1}, {"temperature": 1e300}])
def test_a_temperature_that_makes_no_sense_is_refused_by_name(
    service: Service, options: dict[str, object]
) -> None:
    response = service.post("/v1/models/gaussian/sample", options)

    assert places(refused(response, 422)) == ["temperature"]


def test_a_missing_field_is_refused_by_name(service: Service) -> None:
    assert places(refused(service.post(ELBO, {}), 422)) == ["inputs"]


@pytest.mark.parametrize("body", [b'{"seed":1,"seed":2}', b'{"seed":1,"seed":1e999}'])
def test_a_field_named_twice_is_refused(service: Service, body: bytes) -> None:
    assert places(refused(service.post(ELBO, body), 422)) == ["body"]


def test_a_latent_cannot_be_missing(service: Service) -> None:
    response = service.post("/v1/models/gaussian/decode", {"latents": [[0, None, 0]]})

    assert places(refused(response, 422)) == ["latents[0][1]"]


def test_two_lists_of_rows_must_be_as_long(service: Service) -> None:
    row = [[0, 0, 0], [0, 0, 0]]

    response = service.post("/v1/models/gaussian/interpolate", {"start": [row], "end": [row, row]})

    assert places(refused(response, 422)) == ["end"]


def test_a_value_outside_its_support_is_told_with_row_and_feature(service: Service) -> None:
    rows = [[[0, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 0.5, 0]]]

    problem = refused(service.post("/v1/models/bernoulli/elbo", {"inputs": rows}), 422)

    assert problem["detail"] == "inputs[1]: feature 'x[4]' (binary) is 0.5; needed 0 or 1."
    assert places(problem) == ["inputs[1]"]


def test_the_end_is_blamed_for_what_is_wrong_with_the_end(service: Service) -> None:
    start, end = [[[0, 1, 0], [0, 0, 0]]], [[[0, 0, 0], [0, 7, 0]]]

    response = service.post("/v1/models/bernoulli/interpolate", {"start": start, "end": end})

    assert places(refused(response, 422)) == ["end[0]"]


@pytest.mark.parametrize("secret", ["hunter2", "<script>", "../../etc", "\u0000", "\ud800"])
def test_a_problem_does_not_repeat_the_body(service: Service, secret: str) -> None:
    quoted = secret.encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00")
    body = b'{"%s 1":"%s","inputs":[["%s"]]}' % (quoted, quoted, quoted)

    response = service.post(ELBO, body)

    assert 400 <= response.status_code < 500
    assert secret.encode("utf-8", "replace") not in response.content


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "text/csv"},
        {"Content-Type": ""},
        {"Content-Encoding": "gzip"},
    ],
)
def test_a_body_of_another_type_is_415(service: Service, headers: dict[str, str]) -> None:
    refused(service.post(ELBO, b'{"inputs":[%s]}' % ROW, **headers), 415)


def test_a_json_type_with_a_charset_is_taken(service: Service) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}

    assert service.post(ELBO, b'{"inputs":[%s]}' % ROW, **headers).status_code == 200


def test_a_byte_order_mark_is_no_reason_to_refuse(service: Service) -> None:
    assert service.post(ELBO, b'\xef\xbb\xbf{"inputs":[%s]}' % ROW).status_code == 200


def test_the_server_answers_after_all_of_it(service: Service) -> None:
    assert service.post(ELBO, b'{"inputs":[%s]}' % ROW).status_code == 200
