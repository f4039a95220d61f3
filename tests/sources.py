"""Small files of every kind that can be trained on, and what is said of them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.config import TrainingConfig
from training.data import Dataset, load_dataset
from training.errors import DataError

ROWS = 24


def config_for(source: Path | str, **flags: object) -> TrainingConfig:
    """The config of `vae-train SOURCE --flags`, whatever the environment says."""
    return TrainingConfig.from_sources({"source": str(source), **flags}, environment={})


def load(source: Path | str, **flags: object) -> Dataset:
    """What `vae-train SOURCE --flags` would train on."""
    return load_dataset(config_for(source, **flags))


def refusal(source: Path | str, **flags: object) -> str:
    """What `vae-train SOURCE --flags` would say in its one sentence."""
    with pytest.raises(DataError) as refused:
        load(source, **flags)
    message = str(refused.value)
    assert "\n" not in message
    return message


def kinds_of(dataset: Dataset) -> list[str]:
    """Kinds in flat order."""
    return [feature.kind for feature in dataset.features]


def csv_file(path: Path, columns: Mapping[str, Sequence[object]]) -> Path:
    """A CSV file with these columns."""
    rows = zip(*columns.values(), strict=True)
    return text_file(path, [",".join(columns), *(",".join(map(str, row)) for row in rows)])


def text_file(path: Path, lines: Iterable[str]) -> Path:
    """A file with these lines."""
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def numbers(rows: int = ROWS) -> list[float]:
    """Different real numbers."""
    return [round(0.37 * i - 2.5, 2) for i in range(rows)]


def npy_file(path: Path, array: object) -> Path:
    """A .npy file with this array."""
    np.save(path, np.asarray(array))
    return path


def grey_images(rows: int = ROWS, side: int = 4) -> np.ndarray:
    """Bytes of every size, uint8."""
    return np.random.default_rng(0).integers(0, 256, (rows, side, side), dtype=np.uint8)


def image_folder(folder: Path, images: Iterable[np.ndarray]) -> Path:
    """A folder of PNG files named 000.png, 001.png ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:03}.png")
    return folder
