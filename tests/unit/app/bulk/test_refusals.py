"""What `vae-score` refuses: one sentence, an exit code, and no file."""

import stat
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.builders import small_store
from tests.bulk import HEADER, as_cells, csv_file, csv_text, score, table_rows, table_store

ROWS = table_rows(3)
CELLS = ",".join(as_cells(ROWS[0]))
NAMES = ",".join(HEADER)
DECIMAL_COMMA = as_cells(ROWS[0])[0].replace(".", ",")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table_store(tmp_path_factory.mktemp("store"))


def refusal(
    store: Path, rows: Path, *arguments: object, model: str = "table", code: int = 2
) -> str:
    """The sentence, after which there is nothing new in the folder."""
    out = rows.parent / "o.csv"
    result = score(model, rows, "--store", store, "--out", out, *arguments)
    assert result.exit_code == code, result.output
    assert not out.exists()
    (line,) = result.stderr.splitlines()
    return line.removeprefix("vae-score: ")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "r.csv is empty; a line of column names and rows are needed."),
        (
            ["age,member"],
            "r.csv has no column 'colour', 'visits', 'gap', 'job'; every feature is needed.",
        ),
        ([f"{NAMES},age"], "r.csv has column 'age' twice; it is needed once."),
        ([CELLS.replace("e", "1")], None),
        (["1,2,3"], "r.csv: the first line holds numbers only; it must name the columns."),
        (
            [NAMES, CELLS, "", "1,2"],
            "r.csv, line 4 has 2 cells; 6 are needed, as in the first line.",
        ),
        (
            [line.replace(",", ";").replace(".", ",") for line in (NAMES, CELLS)],
            f"r.csv, line 2: '{DECIMAL_COMMA}' came; a number with a decimal point is needed.",
        ),
        ([NAMES, f'"a"b,{CELLS}'], None),
        ([NAMES, f'{CELLS[:-2]},"'], None),
    ],
)
def test_a_table_of_another_form_is_refused(
    store: Path, tmp_path: Path, lines: list[str], sentence: str | None
) -> None:
    said = refusal(store, csv_text(tmp_path / "r.csv", lines))

    assert said == sentence or (sentence is None and said.startswith("r.csv"))


def test_bytes_that_are_no_text_are_refused(store: Path, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_bytes(NAMES.encode() + b"\n\xff\n")

    assert refusal(store, tmp_path / "r.csv") == (
        "r.csv is no text in UTF-8: byte 0xff came; a CSV file is needed."
    )


@pytest.mark.parametrize("name", ["r.csv.gz", "r.parquet", "r.npy"])
def test_a_file_of_another_kind_than_its_name_says_is_refused(
    store: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"something else entirely")

    assert refusal(store, tmp_path / name).startswith(name)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((3, 5)), "r.npy has shape (3, 5); (rows, 6) is needed."),
        (np.array("text"), "r.npy holds <U4; numbers are needed."),
        (np.zeros(()), "r.npy has shape (); (rows, 6) is needed."),
    ],
)
def test_an_array_of_another_form_is_refused(
    store: Path, tmp_path: Path, array: np.ndarray, sentence: str
) -> None:
    np.save(tmp_path / "r.npy", array)

    assert refusal(store, tmp_path / "r.npy") == sentence


def test_a_column_of_dates_is_refused(store: Path, tmp_path: Path) -> None:
    frame = pl.DataFrame({name: ["2020-01-01"] for name in HEADER})
    frame.with_columns(pl.col("age").str.to_date()).write_parquet(tmp_path / "r.parquet")

    assert refusal(store, tmp_path / "r.parquet") == (
        "r.parquet: column 'age' is Date; numbers are needed."
    )


def test_the_smallest_rate_is_told(store: Path, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "r.csv", ROWS)

    assert refusal(store, path, "--false-positive-rate", 0.001) == (
        "--false-positive-rate is 0.001; from 0.01 to below 1 is needed, for table@1 was "
        "calibrated by 99 rows."
    )


def test_more_features_than_there_are_cannot_be_named(store: Path, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "r.csv", ROWS)

    assert refusal(store, path, "--explain", 7) == "--explain is 7; this model has 6 features."


def test_another_score_is_refused(store: Path, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "r.csv", ROWS)

    assert refusal(store, path, "--score", "best").startswith("--score is 'best'; one of combined,")


def test_a_model_without_calibration_is_told_how_to_get_one(tmp_path: Path) -> None:
    store = small_store(tmp_path / "store", "bare").root
    np.save(tmp_path / "r.npy", np.zeros((2, 2, 3)))

    assert refusal(store, tmp_path / "r.npy", model="bare") == (
        "bare@1 has no calibration; needed `vae-store calibrate bare DATA`."
    )


@pytest.mark.parametrize("model", ["other", "table@9", "no/name"])
def test_a_model_that_is_not_there_is_refused(store: Path, tmp_path: Path, model: str) -> None:
    path = csv_file(tmp_path / "r.csv", ROWS)

    assert refusal(store, path, model=model).startswith(str(store))


def test_paths_of_no_use_are_refused_before_anything_is_read(store: Path, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "r.csv", ROWS)
    outs = [path, tmp_path / "o.txt", tmp_path / "no" / "o.csv", tmp_path]

    codes = [score("table", path, "--store", store, "--out", out).exit_code for out in outs]

    assert codes == [2, 2, 2, 2]
    assert path.read_text().startswith(NAMES)
    assert (
        refusal(store, tmp_path / "absent.csv")
        == f"{tmp_path / 'absent.csv'} is no file; one is needed."
    )


def test_without_polars_the_library_is_named(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    monkeypatch.delitem(sys.modules, "app.bulk.parquet_file", raising=False)
    (tmp_path / "r.parquet").write_bytes(b"PAR1")

    assert refusal(store, tmp_path / "r.parquet") == (
        "Parquet files need polars; pip install 'vae-service[parquet]' is needed."
    )


def test_a_full_disk_is_the_worlds_failure(store: Path, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "r.csv", ROWS)
    (tmp_path / "o.csv.part").symlink_to("/dev/full")

    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)
    assert refusal(store, path, code=1) == "o.csv cannot be written: No space left on device."
