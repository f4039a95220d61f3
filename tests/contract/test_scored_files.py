"""A file that is scored has the numbers that the service gives."""

from pathlib import Path

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
