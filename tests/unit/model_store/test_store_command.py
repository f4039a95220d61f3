"""The `vae-store` command: what it says, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from model_store.__main__ import app
from model_store.store import FolderStore
from tests.builders import small_checkpoint, small_store


def _run(*arguments: object) -> Result:
    return CliRunner(env={"VAE_STORE": None}).invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store of two versions of `digits`, one of them stable, and one of `wine`."""
    store = small_store(tmp_path / "models", "digits", "digits", "wine")
    store.set_alias("digits", "stable", 1)
    return store.root


def _break(root: Path) -> None:
    (root / "digits" / "3.safetensors").write_bytes(small_checkpoint().to_bytes()[:-1])


def test_list_shows_every_version_with_its_numbers(root: Path) -> None:
    said = _run("list", "--store", root)

    assert said.exit_code == 0
    lines = said.stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["digits@1", "digits@2", "wine@1"]
    assert "stable" in lines[0]
    for word in ["gaussian", "-12.50 ± 0.25", "-12.00 ± 0.20", "2025-01-02 03:04 UTC"]:
        assert all(word in line for line in lines)


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("bernoulli", "bernoulli"),
        ("gaussian_shared", "gaussian, scale shared"),
        ("mixed", "mixed: bernoulli, categorical, gaussian, poisson"),
    ],
)
def test_list_names_the_likelihood(kind: str, shown: str, root: Path) -> None:
    FolderStore(root).publish("other", small_checkpoint(kind))

    assert f"  {shown}  " in _run("list", "--store", root).stdout


def test_list_shows_what_is_broken_and_why(root: Path) -> None:
    _break(root)

    said = _run("list", "--store", root)

    assert said.exit_code == 0
    assert "digits@3" in said.stdout
    assert "the file is torn" in said.stdout
    assert "wine@1" in said.stdout


def test_list_for_scripts_is_one_json_object(root: Path) -> None:
    _break(root)

    found = json.loads(_run("list", "--store", root, "--json").stdout)

    assert [model["name"] for model in found["models"]] == ["digits", "wine"]
    assert found["models"][0]["aliases"] == {"stable": 1}
    first = found["models"][0]["versions"][0]
    assert first["elbo"] == {"value": -12.5, "standard_error": 0.25}
    assert [(broken["name"], broken["version"]) for broken in found["broken"]] == [("digits", 3)]


def test_a_store_that_is_not_there_holds_no_models(tmp_path: Path) -> None:
    said = _run("list", "--store", tmp_path / "none")

    assert (said.exit_code, said.stdout) == (0, f"No models in {tmp_path / 'none'}.\n")


def test_the_environment_names_the_store(root: Path) -> None:
    said = CliRunner(env={"VAE_STORE": str(root)}).invoke(app, ["list"])

    assert "digits@1" in said.stdout


@pytest.mark.parametrize(
    ("model", "shown"), [("digits", "digits@1"), ("digits@2", "digits@2"), ("wine", "wine@1")]
)
def test_show_tells_of_one_version(model: str, shown: str, root: Path) -> None:
    said = _run("show", model, "--store", root)

    assert said.exit_code == 0
    assert said.stdout.splitlines()[0].split() == ["model", shown]
    assert small_checkpoint().document.digest in said.stdout


def test_show_for_scripts_is_the_description(root: Path) -> None:
    found = json.loads(_run("show", "digits@stable", "--store", root, "--json").stdout)

    document = small_checkpoint().document.model_dump(mode="json")
    assert found == {"name": "digits", "version": 1, "aliases": ["stable"], **document}


def test_verify_of_a_sound_store_says_so(root: Path) -> None:
    said = _run("verify", "--store", root)

    assert (said.exit_code, said.stdout) == (0, "3 versions of 2 models can be served.\n")


def test_verify_of_a_broken_store_fails(root: Path) -> None:
    _break(root)

    said = _run("verify", "--store", root)

    assert said.exit_code == 1
    assert "digits@3" in said.stdout
    assert said.stderr == f"vae-store: {root}: 1 found broken.\n"
    assert _run("verify", "wine", "--store", root).exit_code == 0


def test_verify_for_scripts_is_one_json_object(root: Path) -> None:
    _break(root)

    said = _run("verify", "digits", "--store", root, "--json")

    found = json.loads(said.stdout)
    assert said.exit_code == 1
    assert found["versions"] == 3
    assert [broken["version"] for broken in found["broken"]] == [3]


def test_an_alias_is_set_and_told(root: Path) -> None:
    said = _run("alias", "digits", "stable", 2, "--store", root)

    assert said.stdout == "digits@stable is version 2.\n"
    assert _run("show", "digits", "--store", root).stdout.split()[:2] == ["model", "digits@2"]


def test_an_alias_is_told_to_scripts(root: Path) -> None:
    said = _run("alias", "digits", "canary", 2, "--store", root, "--json")

    assert json.loads(said.stdout) == {"name": "digits", "alias": "canary", "version": 2}


def test_an_export_says_where_it_is(root: Path, tmp_path: Path) -> None:
    said = _run("export", "digits", tmp_path / "copy", "--store", root)

    assert said.stdout == f"digits@1 is in {tmp_path / 'copy'}.\n"


def test_an_export_is_a_copy(root: Path, tmp_path: Path) -> None:
    said = _run("export", "digits@2", tmp_path / "copy", "--store", root, "--json")

    assert json.loads(said.stdout)["version"] == 2
    assert (tmp_path / "copy").read_bytes() == small_checkpoint().to_bytes()


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "iris"),
        ("show", "digits@9"),
        ("show", "digits@canary"),
        ("show", "../digits"),
        ("show", "digits@"),
        ("verify", "iris"),
        ("alias", "digits", "7", 1),
        ("alias", "digits", "stable", 9),
        ("alias", "iris", "stable", 1),
        ("export", "iris", "copy"),
        ("export", "digits", "missing/copy"),
        ("export", "digits", "/dev/null"),
    ],
)
def test_a_users_mistake_ends_with_one_sentence_and_2(
    arguments: tuple[object, ...], root: Path
) -> None:
    said = _run(*arguments, "--store", root)

    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr.startswith("vae-store: ")
    assert said.stderr.endswith(".\n")
    assert said.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [(), ("show",), ("lists",), ("alias", "a", "b", "c")])
def test_a_command_that_is_none_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert _run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    "arguments", [("show", "digits@3"), ("alias", "digits", "new", 3), ("export", "digits@3", "x")]
)
def test_a_broken_version_ends_with_one_sentence_that_names_it_and_1(
    arguments: tuple[object, ...], root: Path
) -> None:
    _break(root)

    said = _run(*arguments, "--store", root)

    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr.startswith(f"vae-store: {root}: digits@3: The tensors end at byte")
    assert said.stderr.count("\n") == 1


def test_a_store_that_is_a_file_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    said = _run("list", "--store", tmp_path / "file")

    assert said.exit_code == 1
    assert said.stderr.startswith(f"vae-store: {tmp_path / 'file'}: The store cannot be listed")


def test_verify_does_not_pass_a_store_that_is_not_there(tmp_path: Path) -> None:
    assert _run("verify", "--store", tmp_path / "none").exit_code == 2


def test_names_are_shown_as_they_are(root: Path) -> None:
    (root / "[red]x\x1b[31m.safetensors").touch()

    said = _run("list", "--store", root)

    assert "[red]x\\x1b[31m.safetensors" in said.stdout


def test_listing_does_not_wait_for_torch(root: Path) -> None:
    script = (
        "import sys; from model_store.__main__ import app\n"
        "app(['list', '--store', sys.argv[1]], standalone_mode=False)\n"
        "sys.exit('torch' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", script, str(root)], check=False)

    assert done.returncode == 0


def test_the_module_is_the_command(root: Path) -> None:
    command = [sys.executable, "-m", "model_store", "show", "wine", "--store", str(root)]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert "wine@1" in done.stdout
