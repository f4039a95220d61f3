"""`vae-train` on rows with gaps."""

import math
from pathlib import Path

import numpy as np
from typer.testing import CliRunner, Result

from model_store.schema import CheckpointDocument
from model_store.store import FolderStore
from training.__main__ import app

SMALL = ("--epochs", "3", "--latent-dim", "2")


def train(source: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        app, [str(source), "--store", str(source.parent / "models"), *arguments]
    )


def published(source: Path) -> CheckpointDocument:
    return FolderStore(source.parent / "models").read("t", 1).document


def test_rows_with_gaps_are_trained_on(tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    source.write_text("a,b,c\n" + "1.5,2,x\n,1,y\n2.5,,\n" * 20)

    result = train(source, "--hidden-sizes", "8", *SMALL)

    assert result.exit_code == 0
    document = published(source)
    assert document.model.encoder_sees_mask
    assert document.training["missing_rate"] == 0.2
    assert math.isfinite(document.evaluation.log_likelihood.value)


def test_a_linear_model_starts_from_rows_with_gaps(tmp_path: Path) -> None:
    source = tmp_path / "t.npy"
    x = np.random.default_rng(0).normal(size=(60, 4)) + np.arange(4)
    x[::3, 1] = np.nan
    np.save(source, x)

    result = train(source, "--hidden-sizes", "none", *SMALL)

    assert result.exit_code == 0
    assert published(source).data.missing_cells == 20
