"""Which source a name stands for, and the built-in sets."""

from pathlib import Path

import pytest

from model_store.references import is_name
from tests.sources import ROWS, config_for, csv_file, kinds_of, load, numbers, refusal
from training.data import load_dataset
from training.errors import DataUnavailableError


def test_digits_are_images_of_17_levels() -> None:
    digits = load("digits")

    assert digits.x.shape == (1797, 8, 8)
    assert {(f.kind, f.levels, f.likelihood) for f in digits.features} == {
        ("pixel", 17, "discretized_logistic")
    }
    assert digits.features[9].name == "pixel_1_1"


@pytest.mark.parametrize(("name", "shape"), [("breast-cancer", (569, 30)), ("wine", (178, 13))])
def test_built_in_tables_are_real_and_named(name: str, shape: tuple[int, int]) -> None:
    dataset = load(name)

    assert dataset.x.shape == shape
    assert set(kinds_of(dataset)) == {"real"}
    assert dataset.default_name == name


def test_a_column_of_a_built_in_set_can_be_ignored() -> None:
    dataset = load("iris", ignore="petal width (cm)")

    assert [f.name for f in dataset.features][-1] == "petal length (cm)"


def test_a_bare_name_is_the_built_in_set_in_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("iris").mkdir()

    assert load("iris").notes == (
        "iris is the built-in set; the file or folder of that name here is ./iris.",
    )
    assert "iris has 0 images" in refusal("./iris")


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refusal("dgits") == (
        "dgits is no file or folder; needed one, or a built-in set: "
        "digits, breast-cancer, wine, iris."
    )


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_bytes(b"PK")

    assert refusal(tmp_path / "t.xlsx") == (
        "t.xlsx is of no known kind; needed .csv, .csv.gz, .tsv, .tsv.gz, .parquet, .npy, .npz "
        "or a folder of images."
    )


@pytest.mark.parametrize(
    ("source", "flags", "said"),
    [
        ("iris", {"key": "X"}, "--key needs a .npz file as source; iris is none."),
        ("t.csv", {"test_key": "X"}, "--test-key needs a .npz file as source; t.csv is none."),
        ("t.csv", {"size": "8x8"}, "--size needs a folder as source; t.csv is none."),
    ],
)
def test_a_flag_of_another_source_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, flags: dict[str, str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    csv_file(Path("t.csv"), {"a": numbers()})

    assert refusal(source, **flags) == said


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Sensors 2024 (new).csv", "Sensors-2024-new"),
        ("..a.b.csv", "a.b"),
        ("ä.csv", "model"),
        ("n" * 80 + ".csv", "n" * 64),
    ],
)
def test_a_models_name_is_made_from_the_files(tmp_path: Path, file: str, name: str) -> None:
    dataset = load(csv_file(tmp_path / file, {"a": numbers()}))

    assert dataset.default_name == name
    assert is_name(name)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet", "t.npy", "t.npz"])
def test_a_file_that_the_system_will_not_read_is_the_worlds_fault(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).symlink_to("/proc/self/mem")  # opens, and fails on the first read

    with pytest.raises(DataUnavailableError, match=f"^{name} cannot be read: [Ii]nput/output"):
        load_dataset(config_for(tmp_path / name))


def test_an_image_that_the_system_will_not_read_is_the_worlds_fault(tmp_path: Path) -> None:
    for i in range(ROWS):
        (tmp_path / f"{i}.png").symlink_to("/proc/self/mem")

    with pytest.raises(DataUnavailableError, match=r"image '0\.png' cannot be read: "):
        load_dataset(config_for(tmp_path))
