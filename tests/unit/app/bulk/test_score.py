"""`vae-score` as its user meets it: the same numbers from every kind of file, and what is noted."""

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from model_store.calibration import SCORE_KINDS
from tests.bulk import (
    HEADER,
    as_cells,
    column,
    csv_file,
    csv_text,
    parquet_file,
    score,
    scored,
    table_of,
    table_rows,
    table_store,
)
from tests.calibrations import small_calibration
from tests.models import small_vae

ROWS = table_rows(50)
CELLS = as_cells(ROWS[0])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table_store(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize("kind", SCORE_KINDS)
def test_the_numbers_are_those_of_the_calibration(store: Path, tmp_path: Path, kind: str) -> None:
    rows, calibration = table_rows(5000), small_calibration("mixed")

    scored(store, csv_file(tmp_path / "r.csv", rows), tmp_path / "o.csv", "--score", kind)

    x = torch.from_numpy(rows)
    expected = calibration.scores(calibration.statistics(small_vae("mixed"), x))[kind]
    assert column(tmp_path / "o.csv", "score") == pytest.approx(expected.tolist(), rel=1e-4)
    p_values = calibration.p_values(kind, expected)
    assert column(tmp_path / "o.csv", "p_value") == pytest.approx(p_values.tolist(), abs=0.011)


def test_every_kind_of_file_has_the_same_verdicts(store: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "r.npy", ROWS)
    files = [csv_file(tmp_path / "r.csv", ROWS), parquet_file(tmp_path / "r.parquet", ROWS)]

    for path in (*files, tmp_path / "r.npy"):
        scored(store, path, tmp_path / f"{path.name}.csv")

    found = [column(tmp_path / f"r.{kind}.csv", "p_value") for kind in ("csv", "parquet", "npy")]
    assert found[0] == found[1] == found[2]


def test_parquet_out_has_the_columns_of_csv_out(store: Path, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "r.csv", ROWS)

    scored(store, path, tmp_path / "o.csv")
    scored(store, path, tmp_path / "o.parquet")

    frame = pl.read_parquet(tmp_path / "o.parquet")
    assert frame.columns == list(table_of(tmp_path / "o.csv")[0])
    assert frame["score"].to_list() == column(tmp_path / "o.csv", "score")
    assert frame["age"].to_list() == list(ROWS[:, 0])


@pytest.mark.parametrize("end", ["csv", "parquet"])
def test_features_are_named_beside_the_verdict(store: Path, tmp_path: Path, end: str) -> None:
    odd = ["pink" if each == "colour" else c for each, c in zip(HEADER, CELLS, strict=True)]
    path = csv_text(tmp_path / "r.csv", [",".join(line) for line in (HEADER, CELLS, odd)])

    scored(store, path, tmp_path / f"o.{end}", "--explain", 6)

    read = pl.read_csv if end == "csv" else pl.read_parquet
    usual, unknown = read(tmp_path / f"o.{end}").rows(named=True)
    tops = ["top", *(f"top_{place}" for place in range(2, 7))]
    assert sorted(usual[f"{top}_feature"] for top in tops) == sorted(HEADER)
    assert usual["top_contribution_nats"] >= usual["top_2_contribution_nats"]
    assert all(unknown[f"{top}_feature"] is None for top in tops)


def test_a_table_comes_back_as_it_came(store: Path, tmp_path: Path) -> None:
    names, cells = ["note", *reversed(HEADER)], ['"a ""b""; c"', *reversed(CELLS)]
    path = csv_text(tmp_path / "r.csv", ["\ufeff" + ";".join(names), ";".join(cells)], "\r\n")

    scored(store, path, tmp_path / "o.csv")

    header, row = (tmp_path / "o.csv").read_bytes().decode().splitlines(keepends=True)
    assert header == f"\ufeff{';'.join(names)};score;p_value;is_anomaly;note_2\r\n"
    assert row.startswith(";".join(cells))
    assert row.endswith(";\r\n")


def test_a_gzipped_table_is_read(store: Path, tmp_path: Path) -> None:
    plain = csv_file(tmp_path / "r.csv", ROWS)
    (tmp_path / "r.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))

    scored(store, tmp_path / "r.csv.gz", tmp_path / "o.csv")

    assert len(table_of(tmp_path / "o.csv")) == 50


@pytest.mark.parametrize(
    ("name", "cell", "note"),
    [
        ("colour", "pink", "feature 'colour' is 'pink'; needed one of 'blue', 'green', 'red'"),
        ("age", "old", "feature 'age' is 'old'; needed a number"),
        ("age", "1_0", "feature 'age' is '1_0'; needed a number"),
        ("age", "inf", "feature 'age' is inf; needed a finite number"),
        ("visits", "-1", "feature 'visits' is -1; needed an integer of at least 0"),
    ],
)
def test_what_the_model_cannot_take_is_as_unusual_as_can_be(
    store: Path, tmp_path: Path, name: str, cell: str, note: str
) -> None:
    odd = [cell if each == name else c for each, c in zip(HEADER, CELLS, strict=True)]
    path = csv_text(tmp_path / "r.csv", [",".join(line) for line in (HEADER, CELLS, odd)])

    scored(store, path, tmp_path / "o.csv")

    usual, unusual = table_of(tmp_path / "o.csv")
    assert (usual["note"], usual["p_value"]) != ("", "0.01")
    assert unusual["note"] == note
    assert (unusual["score"], unusual["p_value"], unusual["is_anomaly"]) == ("", "0.01", "true")


@pytest.mark.parametrize("gap", ["", " ", "?", "NA"])
def test_gaps_are_written_as_in_training(store: Path, tmp_path: Path, gap: str) -> None:
    lines = [",".join(cells) for cells in (HEADER, [gap, *CELLS[1:]], [*CELLS[:5], gap])]

    scored(store, csv_text(tmp_path / "r.csv", lines), tmp_path / "o.csv")

    assert [row["note"] for row in table_of(tmp_path / "o.csv")] == ["", ""]


def test_nulls_in_parquet_are_gaps(store: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "r.npy", np.where(np.arange(6) % 2 == 0, np.nan, ROWS))
    frame = pl.read_parquet(parquet_file(tmp_path / "r.parquet", ROWS))
    empty = frame.with_columns(pl.lit(None, frame[n].dtype).alias(n) for n in HEADER[::2])
    empty.write_parquet(tmp_path / "r.parquet")

    for name in ("r.npy", "r.parquet"):
        scored(store, tmp_path / name, tmp_path / f"{name}.csv")

    found = [column(tmp_path / f"{name}.csv", "score") for name in ("r.npy", "r.parquet")]
    assert found[0] == found[1]


def test_the_rate_decides_what_is_flagged(store: Path, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "r.csv", table_rows(500))

    scored(store, path, tmp_path / "o.csv", "--false-positive-rate", 0.25)

    rows = table_of(tmp_path / "o.csv")
    assert [r["is_anomaly"] for r in rows] == [
        "true" if float(r["p_value"]) <= 0.25 else "false" for r in rows
    ]
    assert {r["is_anomaly"] for r in rows} == {"true", "false"}


def test_a_table_of_no_rows_has_a_header_for_an_answer(store: Path, tmp_path: Path) -> None:
    scored(store, csv_text(tmp_path / "r.csv", [",".join(HEADER)]), tmp_path / "o.csv")
    scored(store, csv_text(tmp_path / "r.csv", [",".join(HEADER)]), tmp_path / "o.parquet")

    assert (tmp_path / "o.csv").read_text() == f"{','.join(HEADER)},score,p_value,is_anomaly,note\n"
    assert pl.read_parquet(tmp_path / "o.parquet").height == 0


def test_nothing_but_the_answer_is_left_behind(store: Path, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "r.csv", ROWS)

    scored(store, path, tmp_path / "o.csv")
    scored(store, path, tmp_path / "o.parquet")

    assert sorted(each.name for each in tmp_path.iterdir()) == ["o.csv", "o.parquet", "r.csv"]


def test_json_is_the_only_output_when_asked_for(store: Path, tmp_path: Path) -> None:
    path, out = csv_file(tmp_path / "r.csv", ROWS), tmp_path / "o.csv"

    result = score("table", path, "--store", store, "--out", out, "--json")

    answer = json.loads(result.stdout)
    assert answer.pop("seconds") > 0
    anomalies = sum(row["is_anomaly"] == "true" for row in table_of(out))
    assert answer == {
        "model": "table@1",
        "out": str(out),
        "rows": 50,
        "anomalies": anomalies,
        "without_score": 0,
    }


def test_the_summary_counts(store: Path, tmp_path: Path) -> None:
    lines = [",".join(HEADER), ",".join(["old", *CELLS[1:]])]
    path = csv_text(tmp_path / "r.csv", lines)

    result = score("table", path, "--store", store, "--out", tmp_path / "o.csv")

    assert result.stdout.startswith(
        "1 rows scored, 1 flagged, 1 of them for what their note says, in "
    )
