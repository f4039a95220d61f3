"""Rows of a file as a model takes them, and what is said of files that hold none."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from model_store.clean_rows import CleanRows, read_rows
from model_store.errors import InputError, StorageError
from tests.builders import named_checkpoint, small_checkpoint

TABLE = named_checkpoint().document.model
PICTURES = small_checkpoint().document.model
HEADER = "age,member,colour,visits,gap,job"
LINE = "41.5,1,green,3,-2,smith"
NAN = float("nan")


def read(path: Path, content: str | bytes, *, key: str | None = None) -> CleanRows:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_rows(path, TABLE, key=key)


def refusal(path: Path, content: str | bytes) -> str:
    with pytest.raises(InputError) as refused:
        read(path, content)
    return str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}\n{LINE}\n",
        f"{HEADER}\r\n{LINE}\r\n\r\n",
        f"\ufeff{HEADER}\n{LINE}",
        f"{HEADER}\n{LINE}".replace(",", ";"),
        f"{HEADER}\n{LINE}".replace(",", "\t"),
        '"age",member,"colour",visits,gap,job\n41.5, 1,"green",3,-2, smith \n',
        "job,gap,visits,colour,member,age\nsmith,-2,3,green,1,41.5\n",
    ],
)
def test_a_table_is_read_however_it_is_written(tmp_path: Path, content: str) -> None:
    rows = read(tmp_path / "rows.csv", content)

    assert rows.x.tolist() == [[41.5, 1, 1, 3, -2, 1]]
    assert rows.ignored == ()


def test_a_packed_table_is_unpacked(tmp_path: Path) -> None:
    rows = read(tmp_path / "rows.csv.gz", gzip.compress(f"{HEADER}\n{LINE}".encode()))

    assert rows.x.shape == (1, 6)


def test_cells_and_words_that_mean_none_are_missing(tmp_path: Path) -> None:
    rows = read(tmp_path / "rows.csv", f"{HEADER}\n,?,NA,missing,nan,\n")

    assert rows.x.isnan().all()


def test_columns_that_are_no_features_are_told(tmp_path: Path) -> None:
    rows = read(tmp_path / "rows.csv", f"id,{HEADER},note\n7,{LINE},hi\n")

    assert rows.ignored == ("id", "note")
    assert rows.x.shape == (1, 6)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"{HEADER}\n{LINE}\n41,1,pink,3,2,cook", "Line 3, 'colour' is 'pink'; needed the name of"),
        (f"{HEADER}\n41,1,red,3,tall,cook", "Line 2, 'gap' is 'tall'; needed a number."),
        (f"{HEADER}\n41,1,red,3,inf,cook", "Line 2, 'gap' is 'inf'; needed a number."),
        (f"{HEADER}\n41,1,red,3,1_0,cook", "Line 2, 'gap' is '1_0'; needed a number."),
        (f"{HEADER}\n41,1", "Line 2 has 2 cells; needed 6, as in the first."),
        ("age,age\n1,2", "Its first line names 'age' twice"),
        ("age,member\n1,2", "Its first line lacks 'colour', 'visits', 'gap', 'job'"),
        (f"{HEADER}\n", "It holds no rows"),
        ("", "Its first line lacks 'age', 'member', 'colour', 'visits', 'gap', 'job'; every"),
        (f'{HEADER}\n"41', "A quotation mark is not closed"),
        (b"\xff\xfe", "Byte 0 is no UTF-8"),
    ],
)
def test_a_table_of_something_else_is_refused(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    assert said in refusal(tmp_path / "rows.csv", content)


@pytest.mark.parametrize("name", ["rows.npy", "rows.npz", "rows.csv.gz"])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str) -> None:
    assert "damaged" in refusal(tmp_path / name, b"\x93NUMPY torn")


@pytest.mark.parametrize("name", ["rows.parquet", "rows", "rows.gz"])
def test_a_file_of_another_kind_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    assert "neither .csv" in refusal(tmp_path / name, LINE)


def test_arrays_are_read_in_any_type(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.arange(12, dtype=np.uint8).reshape(2, 2, 3))

    rows = read_rows(tmp_path / "rows.npy", PICTURES)

    assert rows.x.dtype == torch.float64
    assert rows.x.flatten().tolist() == list(range(12))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((4, 6)), r"shape \(4, 6\); needed \(rows, 2, 3\)"),
        (np.zeros((0, 2, 3)), "no rows"),
        (np.array(["a"]), "an array of <U1 with 1 axes"),
        (np.full((2, 2, 3), np.inf), "an infinity"),
    ],
)
def test_an_array_of_something_else_is_refused(
    tmp_path: Path, array: np.ndarray, said: str
) -> None:
    np.save(tmp_path / "rows.npy", array)

    with pytest.raises(InputError, match=said):
        read_rows(tmp_path / "rows.npy", PICTURES)


def test_an_array_of_an_archive_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", a=np.zeros((4, 2, 3)), b=np.zeros((4, 1)))

    assert read_rows(tmp_path / "rows.npz", PICTURES, key="a").x.shape == (4, 2, 3)
    for key in (None, "c"):
        with pytest.raises(InputError, match=r"arrays 'a', 'b'; --key needs to name one"):
            read_rows(tmp_path / "rows.npz", PICTURES, key=key)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_rows(tmp_path / "rows.csv", TABLE)


def test_a_disk_that_fails_is_nobodys_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", fail)

    with pytest.raises(StorageError, match="Permission denied"):
        read_rows(tmp_path / "rows.csv", TABLE)
