"""What is shown of the features before training starts."""

from pathlib import Path

import pytest

from tests.sources import ROWS, csv_file, load, numbers
from training.data import FeatureSummary, summarise_features
from training.display import Display


def test_every_column_has_a_line(tmp_path: Path) -> None:
    source = csv_file(
        tmp_path / "t.csv", {"a": numbers(), "b": [0, 5] * 12, "c": ["Rome", "Oslo"] * 12}
    )

    assert summarise_features(load(source)) == [
        FeatureSummary("a", 1, "real", "gaussian", "-2.5 … 6.01"),
        FeatureSummary("b", 1, "ordinal", "discretized_logistic", "6 levels, 0 … 5"),
        FeatureSummary("c", 1, "categorical", "categorical", "2: Oslo, Rome"),
    ]


def test_missing_cells_are_counted_and_the_range_is_of_the_others(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"a": [1.5, "", 2.5] * 8, "c": ["Rome", "Oslo", ""] * 8})

    assert [(line.values, line.missing) for line in summarise_features(load(source))] == [
        ("1.5 … 2.5", 8),
        ("2: Oslo, Rome", 8),
    ]


def test_neighbours_that_share_a_line_share_their_missing_cells(tmp_path: Path) -> None:
    columns = {f"n{i}": [1.5 + i, *numbers(ROWS - 2), "" if i else 0.5] for i in range(41)}

    (line,) = summarise_features(load(csv_file(tmp_path / "t.csv", columns)))

    assert line.missing == 40


def test_what_is_shown_says_how_much_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [*numbers(1_999), ""]
    source = csv_file(tmp_path / "t.csv", {"a": cells, "b": ["", 1.5] * 1000, "c": numbers(2000)})

    Display(quiet=False).dataset(load(source))

    shown = capsys.readouterr().out
    assert "2,000 rows of 3 features, 1,001 of 6,000 cells missing (16.7 %)" in shown
    assert "1 (< 0.1 %)" in shown
    assert "1,000 (50.0 %)" in shown


def test_nothing_is_said_of_missing_cells_where_there_are_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Display(quiet=False).dataset(load("iris"))

    assert "missing" not in capsys.readouterr().out


def test_many_categories_are_cut_short(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"c": ["e", "d", "c", "b", "a", "f"] * 4})

    assert summarise_features(load(source))[0].values == "6: a, b, c, d, …"


def test_many_neighbours_of_one_kind_share_a_line(tmp_path: Path) -> None:
    columns = {f"n{i}": numbers() for i in range(40)} | {"flag": [0, 1] * (ROWS // 2)}

    lines = summarise_features(load(csv_file(tmp_path / "t.csv", columns)))

    assert [(line.name, line.count) for line in lines] == [("n0 … n39", 40), ("flag", 1)]
