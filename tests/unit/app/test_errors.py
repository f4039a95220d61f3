"""Every error this project raises has a status, and no response tells more than it should."""

import logging

import orjson
import pytest
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app import errors
from app.errors import PROBLEMS, AppError, problem_response
from model_store.errors import CorruptCheckpointError, VaeError

REQUEST = Request({"type": "http", "state": {"request_id": "id-1"}})


def leaves(error: type[VaeError]) -> set[type[VaeError]]:
    """The classes of this project that nothing is derived from."""
    children = {
        c for c in error.__subclasses__() if c.__module__ in ("app.errors", "model_store.errors")
    }
    return {leaf for child in children for leaf in leaves(child)} if children else {error}


def test_every_leaf_error_has_a_status() -> None:
    assert leaves(VaeError) == set(PROBLEMS)


def test_the_tree_at_the_top_of_the_file_is_the_tree_of_the_file() -> None:
    assert all(leaf.__name__ in str(errors.__doc__) for leaf in leaves(AppError))


def test_problems_of_one_type_have_one_title_and_one_status() -> None:
    kinds = {(problem.type, problem.title, problem.status) for problem in PROBLEMS.values()}

    assert len(kinds) == len({problem.type for problem in PROBLEMS.values()})


def test_statuses_are_those_of_the_contract() -> None:
    statuses = {problem.status for problem in PROBLEMS.values()}

    assert statuses == {400, 404, 406, 409, 413, 415, 422, 503, 504}


def test_a_known_error_says_its_sentence() -> None:
    response = problem_response(REQUEST, CorruptCheckpointError("The file is torn."))

    assert response.status_code == 503
    assert orjson.loads(response.body)["detail"] == "The file is torn."


def test_an_unknown_error_says_nothing_but_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        response = problem_response(REQUEST, RuntimeError("/secret/path"))

    assert response.status_code == 500
    assert b"secret" not in bytes(response.body)
    assert "id-1" in caplog.text


@pytest.mark.parametrize("status", [403, 418])
def test_what_the_framework_refuses_is_a_problem_too(status: int) -> None:
    response = problem_response(REQUEST, HTTPException(status, detail="/secret/path"))

    assert response.status_code == status
    assert b"secret" not in bytes(response.body)


def test_what_the_framework_finds_invalid_is_told_by_place_alone() -> None:
    found = [{"loc": ("query", "page"), "msg": "Not a number", "type": "int", "input": "secret"}]

    body = orjson.loads(problem_response(REQUEST, RequestValidationError(found)).body)

    assert body["errors"] == [{"location": "page", "message": "page: not a number."}]
