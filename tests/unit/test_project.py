"""What the house rules can measure about the repository itself."""

import ast
import re
import statistics
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
import torch
from jaxtyping import TypeCheckError

from model_store.vae.bounds import elbo

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "benchmarks", "model_store", "training")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body without its docstring; a command's signature is as long as its flags."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_starts_with_its_idea_and_ends_within_300_lines(path: Path) -> None:
    text = path.read_text()

    assert text.startswith('"""')
    assert text.count("\n") <= 300


def test_no_function_is_longer_than_40_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
        for path in FILES
        for function in functions_of(path)
        if lines_of(function) > 40
    ]

    assert long == []


def test_the_median_test_is_under_ten_lines() -> None:
    sizes = [
        lines_of(function)
        for path in TESTS
        for function in functions_of(path)
        if function.name.startswith("test_")
    ]

    assert statistics.median(sizes) < 10


def test_no_file_is_a_drawer_for_everything() -> None:
    drawers = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}

    assert [path for path in FILES if path.name in drawers] == []


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = chain(project["dependencies"], *project["optional-dependencies"].values())
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)

    names = {canonical(re.split(r"[\[<>=!~ ;]", requirement)[0]) for requirement in needed}

    assert names <= {canonical(name) for name in pinned}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_ci_runs_the_tests_of_the_readme_and_nothing_weaker() -> None:
    last = (ROOT / ".ci" / "run").read_text().splitlines()[-1]

    assert last == "exec make test"


def test_shapes_in_the_statistics_are_checked_under_test() -> None:
    with pytest.raises(TypeCheckError):
        elbo("no tensor at all")  # type: ignore[arg-type]


def test_a_test_process_takes_one_core() -> None:
    assert torch.get_num_threads() == 1
