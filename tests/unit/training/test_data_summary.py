"""What is shown of the features before training starts."""

from pathlib import Path

from tests.sources import ROWS, csv_file, load, numbers
from training.data import FeatureSummary, summarise_features


def test_every_column_has_a_line(tmp_path: Path) -> None:
    source = csv_file(
        tmp_path / "t.csv", {"a": numbers(), "b": [0, 5] * 12, "c": ["Rome", "Oslo"] * 12}
    )

    assert summarise_features(load(source)) == [
        FeatureSummary("a", 1, "real", "gaussian", "-2.5 … 6.01"),
        FeatureSummary("b", 1, "ordinal", "discretized_logistic", "6 levels, 0 … 5"),
        FeatureSummary("c", 1, "categorical", "categorical", "2: Oslo, Rome"),
    ]


def test_many_categories_are_cut_short(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"c": ["e", "d", "c", "b", "a", "f"] * 4})

    assert summarise_features(load(source))[0].values == "6: a, b, c, d, …"


def test_many_neighbours_of_one_kind_share_a_line(tmp_path: Path) -> None:
    columns = {f"n{i}": numbers() for i in range(40)} | {"flag": [0, 1] * (ROWS // 2)}

    lines = summarise_features(load(csv_file(tmp_path / "t.csv", columns)))

    assert [(line.name, line.count) for line in lines] == [("n0 … n39", 40), ("flag", 1)]
