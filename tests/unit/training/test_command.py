"""`vae-train` as its user meets it: what it prints, what it publishes, how it fails."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from model_store.store import FolderStore
from training.__main__ import app

ABSENT_DEVICE = "mps" if torch.cuda.is_available() else "cuda"
SMALL = ("--epochs", "3", "--hidden-sizes", "8", "--latent-dim", "2")


def train(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    path = tmp_path / "pumps.csv"
    rows = [
        f"{generator.normal():.4f},{generator.integers(0, 2)},{generator.choice(['on', 'off'])},7.5"
        for _ in range(120)
    ]
    path.write_text("\n".join(["flow,open,mode,site", *rows]))
    return path


def test_a_table_is_trained_and_published(table: Path, store: Path) -> None:
    result = train(str(table), "--store", str(store), *SMALL)

    assert result.exit_code == 0, result.output
    for word in ("flow", "gaussian", "mode", "categorical", "epoch 3/3", "pumps@1", "vae-serve"):
        assert word in result.stdout
    assert "'site' never changes in the training rows" in result.stdout
    assert FolderStore(store).get("pumps").versions == (1,)


def test_the_published_model_is_calibrated_by_rows_of_its_own(table: Path, store: Path) -> None:
    result = train(str(table), "--store", str(store), *SMALL)

    checkpoint = FolderStore(store).read("pumps", 1)
    calibration = checkpoint.calibration(checkpoint.build())
    assert calibration is not None
    assert checkpoint.document.data.calibration_rows == calibration.rows == 12
    assert checkpoint.document.calibration
    assert checkpoint.document.calibration.source == "pumps.csv"
    assert (
        "warning: 12 calibration rows tell false-positive rates of anomalies from 0.077 on; for "
        "0.01 at least 99 are needed" in result.stdout
    )


def test_no_calibration_is_made_where_none_is_asked_for(table: Path, store: Path) -> None:
    result = train(str(table), "--store", str(store), "--calibration-fraction", "0", *SMALL)

    assert FolderStore(store).read("pumps", 1).document.calibration is None
    assert "calibration rows" not in result.stdout


def test_json_is_the_only_output_when_asked_for(table: Path, store: Path) -> None:
    result = train(str(table), "--store", str(store), "--json", *SMALL)

    answer = json.loads(result.stdout)
    assert (answer["name"], answer["version"]) == ("pumps", 1)
    assert answer["evaluation"]["log_likelihood"]["standard_error"] > 0
    assert answer["training"]["epochs"] == 3
    assert result.stderr == ""


def test_quiet_says_nothing(table: Path, store: Path) -> None:
    result = train(str(table), "--store", str(store), "--quiet", *SMALL)

    assert (result.exit_code, result.output) == (0, "")


def test_the_same_seed_and_data_give_the_same_digest(table: Path, store: Path) -> None:
    arguments = (str(table), "--store", str(store), "--seed", "5", *SMALL)

    train(*arguments)
    train(*arguments)
    train(*arguments[:-1], "3")

    first, second, other = (FolderStore(store).read("pumps", v).document.digest for v in (1, 2, 3))
    assert first == second != other


def test_a_checkpoint_tells_the_completed_config_and_no_path(table: Path, store: Path) -> None:
    train(str(table), "--store", str(store), *SMALL)

    document = FolderStore(store).read("pumps", 1).document
    assert document.training["source"] == "pumps.csv"
    assert document.training["batch_size"] == 64
    assert str(store.parent) not in document.model_dump_json()


def test_dynamic_binarisation_trains_on_grey_images(tmp_path: Path, store: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 4)).astype(np.uint8)
    np.savez(tmp_path / "images.npz", X=images)

    result = train(
        *(str(tmp_path / "images.npz"), "--key", "X", "--likelihood", "bernoulli"),
        *("--binarize", "dynamic", "--store", str(store), *SMALL),
    )

    assert result.exit_code == 0, result.output
    assert FolderStore(store).read("images", 1).document.model.likelihood.name == "bernoulli"


def test_a_fixed_scale_is_in_data_units(tmp_path: Path, store: Path) -> None:
    rows = np.random.default_rng(0).normal(0, 1_000, (100, 3))
    np.save(tmp_path / "rows.npy", rows)

    train(
        *(str(tmp_path / "rows.npy"), "--likelihood", "gaussian", "--scale", "fixed"),
        *("--fixed-scale", "250", "--store", str(store), *SMALL),
    )

    vae = FolderStore(store).read("rows", 1).build()
    scale = vae.data_likelihood(torch.zeros(1, 2)).parameters()["scale"]
    torch.testing.assert_close(scale, torch.full((1, 3), 250.0).double())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("no-such.csv",), "no-such.csv is no file or folder"),
        (("iris", "--ignore", "colour"), "colour"),
        (("iris", "--epochs", "0"), "--epochs is 0"),
        (("iris", "--name", "../up"), "'../up'"),
        (("iris", "--likelihood", "bernoulli"), "needs 0 or 1"),
        (("iris", "--device", ABSENT_DEVICE), f"--device {ABSENT_DEVICE} is not there"),
    ],
)
def test_the_users_mistakes_end_with_one_sentence_and_code_2(
    arguments: tuple[str, ...], sentence: str, store: Path
) -> None:
    result = train(*arguments, "--store", str(store))

    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.startswith("vae-train: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert not store.exists()


@pytest.mark.parametrize("library", ["polars", "PIL", "sklearn"])
def test_without_the_training_libraries_one_sentence_says_what_to_install(library: str) -> None:
    script = (
        f"import runpy, sys; sys.modules[{library!r}] = None; sys.argv[1:] = ['iris'];"
        "runpy.run_module('training', run_name='__main__')"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr == (
        "vae-train: The training libraries are not installed; "
        "pip install 'vae-service[train]' is needed.\n"
    )


def test_an_unwritable_store_is_noticed_before_training(table: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")

    result = train(str(table), "--store", str(blocked), *SMALL)

    assert result.exit_code == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert "epoch" not in result.stdout


def test_gradients_that_run_off_end_with_one_sentence(table: Path, store: Path) -> None:
    result = train(str(table), "--store", str(store), *SMALL, "--learning-rate", "1e30")

    assert result.exit_code == 1
    assert "a smaller --learning-rate is needed" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not list(store.glob("*/*.safetensors"))


def test_interrupting_publishes_nothing(table: Path, store: Path) -> None:
    command = [sys.executable, "-u", "-m", "training", str(table), "--store", str(store)]
    process = subprocess.Popen(
        [*command, "--epochs", "100000", "--patience-fraction", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    process.stdout.readline()  # it has read the data: training is next

    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)

    assert process.returncode == 1
    assert stderr == "vae-train: Interrupted; nothing was published.\n"
    assert not list(store.glob("*/*.safetensors"))


def test_a_fixed_scale_reaches_the_real_columns_of_a_mixed_table(table: Path, store: Path) -> None:
    train(*(str(table), "--scale", "fixed", "--fixed-scale", "250", "--store", str(store)), *SMALL)

    vae = FolderStore(store).read("pumps", 1).build()
    parameters = vae.data_likelihood(torch.zeros(1, 2)).parameters()
    torch.testing.assert_close(parameters["0.scale"], torch.tensor([250.0]).double())


def test_a_warning_names_a_few_features_and_counts_the_rest(tmp_path: Path, store: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 12))
    rows[:, :10] = 3.0
    np.save(tmp_path / "still.npy", rows)

    result = train(str(tmp_path / "still.npy"), "--store", str(store), *SMALL)

    assert "warning: each of 'x[0]', 'x[1]'" in result.stdout
    assert "'x[7]' and 2 more never changes in the training rows" in result.stdout


def test_a_held_out_row_beyond_all_numbers_is_named(tmp_path: Path, store: Path) -> None:
    np.savez(
        tmp_path / "rows.npz",
        X=np.random.default_rng(0).normal(size=(60, 3)),
        far=np.array([[0.0, 0.0, 0.0], [1e300, 0.0, 0.0]]),
    )

    result = train(
        *(str(tmp_path / "rows.npz"), "--key", "X", "--test-key", "far"),
        *("--store", str(store), *SMALL),
    )

    assert result.exit_code == 2
    assert "held-out row 2 lies so far from the training rows" in result.stderr
    assert not list(store.glob("*/*.safetensors"))
