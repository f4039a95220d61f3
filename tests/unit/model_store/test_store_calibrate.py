"""`vae-store calibrate`: the same weights, other scores, one sentence where it cannot be."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from model_store.__main__ import app
from model_store.calibration import SCORE_KINDS
from model_store.checkpoint import Checkpoint
from model_store.store import FolderStore
from tests.builders import calibrated_checkpoint, small_checkpoint
from tests.models import random_rows


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """`old` was never calibrated, `new` was by 99 rows."""
    store = FolderStore(tmp_path / "models")
    store.publish("old", small_checkpoint())
    store.publish("new", calibrated_checkpoint())
    return store


def data(store: FolderStore, rows: int = 300) -> Path:
    path = store.root.parent / "clean.npy"
    np.save(path, random_rows("gaussian", rows, seed=4).numpy())
    return path


def run(store: FolderStore, *arguments: object) -> Result:
    words = ["calibrate", *map(str, arguments), "--store", str(store.root)]
    return CliRunner(env={"VAE_STORE": None}).invoke(app, words)


def weights(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    return {n: t for n, t in checkpoint.tensors.items() if not n.startswith("calibration")}


@pytest.mark.parametrize("name", ["old", "new"])
def test_a_new_version_has_the_old_weights(store: FolderStore, name: str) -> None:
    said = run(store, name, data(store))

    assert said.exit_code == 0, said.stderr
    before, after = (store.read(name, version) for version in (1, 2))
    assert weights(before).keys() == weights(after).keys()
    assert all(torch.equal(t, weights(after)[n]) for n, t in weights(before).items())
    assert before.document.evaluation == after.document.evaluation


def test_it_says_what_changes(store: FolderStore) -> None:
    said = run(store, "new@1", data(store)).stdout

    assert said == (
        "new@2 is new@1 calibrated by 300 rows of clean.npy, false-positive rates from 0.0033;\n"
        "before: 99 rows of more noise, false-positive rates from 0.01.\n"
    )


def test_a_calibrated_model_keeps_what_its_scores_are(store: FolderStore) -> None:
    run(store, "new", data(store))

    x = random_rows("gaussian", 20)
    scores = []
    for version in (1, 2):
        checkpoint = store.read("new", version)
        vae = checkpoint.build()
        calibration = checkpoint.calibration(vae)
        assert calibration is not None
        scores.append(calibration.scores(calibration.statistics(vae, x)))
    assert all(torch.equal(scores[0][kind], scores[1][kind]) for kind in SCORE_KINDS)


def test_a_model_without_one_gives_a_part_of_the_rows_to_compare_with(store: FolderStore) -> None:
    said = json.loads(run(store, "old", data(store), "--json").stdout)

    made = said["calibration"]
    assert said["before"] is None
    assert [made[f"{part}rows"] for part in ("", "reference_", "baseline_")] == [120, 120, 60]


def test_columns_are_matched_by_name(store: FolderStore) -> None:
    store.publish("table", calibrated_checkpoint("mixed"))
    rows = random_rows("mixed", 40)
    order = [3, 0, 5, 1, 4, 2]
    lines = [",".join(["id", *(f"x[{i}]" for i in order)])]
    lines += [",".join(["7", *(str(float(row[i])) for i in order)]) for row in rows]
    path = store.root.parent / "clean.csv"
    path.write_text("\n".join(lines))
    np.save(path.with_suffix(".npy"), rows.numpy())

    named, numbered = run(store, "table@1", path), run(store, "table@1", path.with_suffix(".npy"))

    assert "Columns that are no features: 'id'." in named.stdout
    assert numbered.exit_code == 0
    digests = [store.describe("table", version).digest for version in (2, 3)]
    assert digests[0] == digests[1]


def test_too_few_rows_are_refused(store: FolderStore) -> None:
    path = data(store, rows=9)

    said = run(store, "new", path)

    assert said.exit_code == 2
    assert said.stderr == f"vae-store: {path}: It holds 9 rows; at least 10 are needed.\n"
    assert store.get("new").versions == (1,)


def test_a_value_that_the_model_does_not_take_is_refused_by_name(store: FolderStore) -> None:
    store.publish("coins", calibrated_checkpoint("bernoulli"))
    path = store.root.parent / "coins.npy"
    x = random_rows("bernoulli", 20).numpy()
    x[4, 1, 0] = 0.5
    np.save(path, x)

    said = run(store, "coins", path)

    assert said.exit_code == 2
    assert said.stderr == f"vae-store: {path}: Row 5, 'x[3]' is 0.5; needed 0 or 1.\n"


def test_a_model_that_is_not_there_is_named(store: FolderStore) -> None:
    said = run(store, "none", data(store))

    assert said.exit_code == 2
    assert "There is no model 'none'" in said.stderr
