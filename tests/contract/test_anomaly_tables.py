"""`anomaly` on tables as people have them: the same rows come back, with columns added."""

import csv
import io
from collections.abc import Iterator

import pytest

from model_store.store import FolderStore
from tests.builders import calibrated_table
from tests.service import Service, places, refused, serving

CSV = "text/csv"
HEADER = "id,job,age,member,colour,visits,gap,note"
LINES = ('7,cook,1.50,1,red,0,-0.5,"a ""b"", c"', "8,,0,0,blue,90,0,", "7,smith,,1,green,0,1e-1,x")
TABLE = "\n".join((HEADER, *LINES)) + "\n"
RECORDS = [
    {"job": "cook", "age": 1.5, "member": 1, "colour": "red", "visits": 0, "gap": -0.5},
    {"age": 0, "member": 0, "colour": "blue", "visits": 90, "gap": 0},
    {"job": "smith", "member": 1, "colour": "green", "visits": 0, "gap": 0.1},
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = FolderStore(tmp_path_factory.mktemp("store"))
    store.publish("table", calibrated_table())
    with serving(store.root) as service:
        yield service


def scored(service: Service, table: str, query: str = "", **headers: str) -> str:
    sent = {"Content-Type": CSV} | headers
    response = service.post(f"/v1/models/table/anomaly{query}", table.encode(), **sent)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith(CSV)
    assert response.headers["x-model"] == "table@1"
    return response.content.decode()


def rows_of(text: str, separator: str = ",") -> list[dict[str, str]]:
    table = text.removeprefix("\ufeff")
    return list(csv.DictReader(io.StringIO(table, newline=""), delimiter=separator))


@pytest.mark.parametrize("accept", ["*/*", "", "text/csv", "text/*, */*;q=0.1"])
def test_a_table_is_answered_with_the_table(service: Service, accept: str) -> None:
    lines = scored(service, TABLE, Accept=accept).splitlines()

    assert lines[0] == f"{HEADER},score,p_value,is_anomaly"
    assert [line.rsplit(",", 3)[0] for line in lines[1:]] == list(LINES)
    assert [line.rsplit(",", 1)[1] for line in lines[1:]] == ["false", "true", "false"]


def test_json_is_answered_where_it_is_asked_for(service: Service) -> None:
    headers = {"Content-Type": CSV, "Accept": "application/json"}

    response = service.post("/v1/models/table/anomaly", TABLE.encode(), **headers)

    assert response.json() == service.ask("anomaly", "table", records=RECORDS)


def test_the_numbers_are_those_of_json(service: Service) -> None:
    shown = service.ask("anomaly", "table", records=RECORDS, score="all", explain=2)

    rows = rows_of(scored(service, TABLE, "?score=all&explain=2"))

    assert [float(row["score"]) for row in rows] == shown["score"]
    assert [float(row["p_value"]) for row in rows] == shown["p_value"]
    assert [float(row["scores.latent"]) for row in rows] == shown["scores"]["latent"]
    tops = [row[0] for row in shown["explanation"]]
    assert [row["top_feature"] for row in rows] == [top["feature"] for top in tops]
    assert [row["top_expected"] for row in rows] == [str(top["expected"]) for top in tops]


def test_a_row_of_which_nothing_is_known_has_no_top_feature(service: Service) -> None:
    (row,) = rows_of(scored(service, "job,age,member,colour,visits,gap\n,,,,,\n", "?explain=1"))

    assert row["top_feature"] == row["top_contribution_nats"] == ""
    assert float(row["p_value"]) > 0.01


@pytest.mark.parametrize("separator", [";", "\t"])
def test_spreadsheets_of_other_habits_are_scored_alike(service: Service, separator: str) -> None:
    came = TABLE.replace('"a ""b"", c"', "x").replace(",", separator).replace("\n", "\r\n")

    back = scored(service, f"\ufeff{came}")

    assert back.startswith("\ufeffid")
    assert back.count("\r\n") == back.count("\n") == 4
    plain = rows_of(scored(service, TABLE))
    assert [r["score"] for r in rows_of(back, separator)] == [r["score"] for r in plain]


def test_a_scored_table_can_be_scored_again(service: Service) -> None:
    once = scored(service, TABLE)

    (first, *_) = rows_of(scored(service, once))

    assert first["score"] == first["score_2"]
    assert first["is_anomaly"] == first["is_anomaly_2"]


def test_records_are_a_table_of_what_is_said_of_them(service: Service) -> None:
    response = service.post(
        "/v1/models/table/anomaly", {"records": RECORDS, "explain": 1}, Accept=CSV
    )

    rows = rows_of(response.text)
    assert list(rows[0])[:4] == ["score", "p_value", "is_anomaly", "top_feature"]
    assert [row["is_anomaly"] for row in rows] == ["false", "true", "false"]


NAMES = "'age', 'member', 'colour', 'visits', 'gap', 'job'"


@pytest.mark.parametrize(
    ("table", "place", "said"),
    [
        (TABLE.replace("red", "pink"), "records[0]", "'colour' is 'pink'; needed one of 'blue'"),
        (TABLE.replace("visits", "visit"), "body", "has no column 'visits'"),
        (TABLE.replace("note", "age"), "body", "names feature 'age' twice"),
        ("1,2,3\n4,5,6\n", "body", "has numbers and no name of a feature in its first line"),
        ("a;b\n1;2\n", "body", f"has no column {NAMES}"),
        ("", "body", "is empty"),
        (f"{HEADER}\n", "body", "has no rows"),
        (TABLE.replace(",,0,0", ",0,0"), "records[1]", "has 7 cells; needed 8"),
        (TABLE.replace("1.50", "1.5 kg"), "records[0]", "'age' is '1.5 kg'; needed a number"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_by_name(
    service: Service, table: str, place: str, said: str
) -> None:
    response = service.post("/v1/models/table/anomaly", table.encode(), **{"Content-Type": CSV})

    problem = refused(response, 422)
    assert places(problem) == [place]
    assert said in problem["detail"]


def test_columns_that_are_no_features_are_refused_in_records(service: Service) -> None:
    body = {"records": [{**RECORDS[0], "note": "x"}]}

    problem = refused(service.post("/v1/models/table/anomaly", body), 422)

    assert "names a feature 'note'" in problem["detail"]


def test_columns_that_are_no_features_are_refused_by_questions_that_drop_them(
    service: Service,
) -> None:
    response = service.post("/v1/models/table/elbo", TABLE.encode(), **{"Content-Type": CSV})

    assert "names a feature 'id'" in refused(response, 422)["detail"]
