"""A file that is scored has the numbers that the service gives."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.bulk import column, csv_file, scored, table_of, table_rows, table_store
from tests.service import serving


def test_a_file_has_the_verdicts_of_the_service(tmp_path: Path) -> None:
    store, rows = table_store(tmp_path / "store"), table_rows(300)

    scored(store, csv_file(tmp_path / "r.csv", rows), tmp_path / "o.csv")
    with serving(store) as service:
        answer = service.ask("anomaly", "table", inputs=rows.tolist())

    assert column(tmp_path / "o.csv", "score") == pytest.approx(answer["score"], rel=1e-5)
    assert column(tmp_path / "o.csv", "p_value") == answer["p_value"]
    flags = [row["is_anomaly"] == "true" for row in table_of(tmp_path / "o.csv")]
    assert flags == answer["is_anomaly"]


def test_a_file_has_the_explanations_of_the_service(tmp_path: Path) -> None:
    store, rows = table_store(tmp_path / "store"), table_rows(20)
    rows[0, 1:] = np.nan
    path = csv_file(tmp_path / "r.csv", rows[1:])
    lone = ",".join([str(rows[0, 0]), "", "", "", "", ""])
    path.write_text(path.read_text() + lone + "\n")

    scored(store, path, tmp_path / "o.csv", "--explain", 2)
    with serving(store) as service:
        body = path.read_bytes()
        response = service.post(
            "/v1/models/table/anomaly?explain=1", body, **{"Content-Type": "text/csv"}
        )
        inputs = [*rows[1:].tolist(), [rows[0, 0], *[None] * 5]]
        answer = service.ask("anomaly", "table", inputs=inputs, explain=2)

    found = table_of(tmp_path / "o.csv")
    table = list(csv.DictReader(response.text.splitlines()))
    assert list(found[0])[-8:-4] == list(table[0])[-4:]
    assert [row["top_feature"] for row in found] == [row["top_feature"] for row in table]
    for row, named in zip(found, answer["explanation"], strict=True):
        second = named[1] if len(named) > 1 else {"feature": "", "expected": ""}
        assert row["top_2_feature"] == second["feature"]
        for name in ("contribution_nats", "standard_deviation"):
            expected = second.get(name)
            assert (
                row[f"top_2_{name}"] == ""
                if expected is None
                else float(row[f"top_2_{name}"]) == pytest.approx(expected, rel=1e-4, abs=1e-5)
            )
