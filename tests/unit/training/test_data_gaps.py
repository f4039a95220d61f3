"""Missing cells of tables: what is read as one, what is said of it, and what is too little."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.sources import ROWS, csv_file, kinds_of, load, numbers, refusal, text_file
from training.data import Dataset, split_rows
from training.errors import DataError

SPELLINGS_AMONG_NUMBERS = [
    *("NA", "na", "n/a", "N/A", "null", "NULL", "none", "None", "?", "-", "--", ".", "missing"),
    *("nan", "NaN", "-nan", "#N/A", "<NA>"),
]
SPELLINGS_AMONG_NAMES = [
    *("NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "?"),
]
NAMES_IN_THEIR_OWN_RIGHT = ["none", "None", "missing", "-", "--", ".", "na", "Na", "unknown"]


def column_file(tmp_path: Path, cells: list[object]) -> Path:
    """A column `a` of numbers and a column `b` of these cells, over and over."""
    repeated = (cells * ROWS)[:ROWS]
    return csv_file(tmp_path / "t.csv", {"a": numbers(), "b": repeated})


def parquet_file(tmp_path: Path, **columns: object) -> Path:
    pl.DataFrame(columns).write_parquet(tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


@pytest.mark.parametrize("cell", ["", "  ", '""', '" "'])
def test_an_empty_cell_is_missing_among_numbers_and_names(tmp_path: Path, cell: str) -> None:
    lines = ["a,c", f"{cell},red", f"1.5,{cell}", *["2.5,blue"] * ROWS]

    dataset = load(text_file(tmp_path / "t.csv", lines))

    assert np.isnan(dataset.x[:3]).tolist() == [[True, False], [False, True], [False, False]]
    assert dataset.features[1].categories == ("blue", "red")


def test_an_empty_cell_goes_without_saying(tmp_path: Path) -> None:
    assert load(column_file(tmp_path, [1.5, ""])).notes == ()


@pytest.mark.parametrize("word", SPELLINGS_AMONG_NUMBERS)
def test_a_word_for_nothing_among_numbers_is_missing_and_counted(tmp_path: Path, word: str) -> None:
    dataset = load(column_file(tmp_path, [1.5, 2.5, f" {word} "]))

    assert kinds_of(dataset)[1] == "real"
    assert dataset.missing_cells().tolist() == [0, 8]
    assert dataset.notes == (f"t.csv: 8 cells {word!r} read as missing, in column 'b'.",)


@pytest.mark.parametrize("word", SPELLINGS_AMONG_NAMES)
def test_an_unmistakable_word_among_names_is_missing_and_counted(tmp_path: Path, word: str) -> None:
    dataset = load(column_file(tmp_path, ["red", "blue", word]))

    assert dataset.features[1].categories == ("blue", "red")
    assert dataset.notes == (f"t.csv: 8 cells {word!r} read as missing, in column 'b'.",)


@pytest.mark.parametrize("word", NAMES_IN_THEIR_OWN_RIGHT)
def test_a_word_that_may_be_a_name_stays_one_among_names(tmp_path: Path, word: str) -> None:
    dataset = load(column_file(tmp_path, ["red", word]))

    assert dataset.features[1].categories == tuple(sorted(["red", word]))
    assert dataset.missing_cells().sum() == 0


def test_a_column_of_one_word_that_may_be_a_name_is_a_category(tmp_path: Path) -> None:
    assert load(column_file(tmp_path, ["none", "NA"])).features[1].categories == ("none",)


def test_names_that_were_asked_for_keep_every_word(tmp_path: Path) -> None:
    dataset = load(column_file(tmp_path, ["DE", "NA", ""]), kind=["b=categorical"])

    assert dataset.features[1].categories == ("DE", "NA")
    assert dataset.missing_cells().tolist() == [0, 8]
    assert dataset.notes == ("t.csv: 8 cells 'NA' kept as a name, in column 'b'.",)


def test_a_word_in_many_columns_is_one_note(tmp_path: Path) -> None:
    columns = {name: [*numbers(ROWS - 1), "NA"] for name in "abcde"} | {"f": numbers()}

    notes = load(csv_file(tmp_path / "t.csv", columns)).notes

    assert notes == ("t.csv: 5 cells 'NA' read as missing, in column 'a', 'b', 'c' and 2 more.",)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([31, "", 45], "real"),
        ([1, "", 5], "ordinal"),
        ([0, "NA", 1], "binary"),
        ([0, "", 40], "count"),
        (["1.0", "", "5.0"], "real"),
        ([7, ""], "real"),
        (["", "", "", "yes", "no"], "categorical"),
    ],
)
def test_a_kind_is_that_of_the_observed_values(
    tmp_path: Path, cells: list[object], kind: str
) -> None:
    assert kinds_of(load(column_file(tmp_path, cells)))[1] == kind


def test_levels_are_those_of_the_observed_values(tmp_path: Path) -> None:
    assert load(column_file(tmp_path, [0, "", 6])).features[1].levels == 7


def test_whether_a_column_is_meant_to_be_numbers_is_told_by_its_values(tmp_path: Path) -> None:
    source = column_file(tmp_path, ["", "NA", "?", 1.5, 2.5, "abc"])

    assert "t.csv, row 6 (line 7), column 'b': 'abc' came; a number is needed" in refusal(source)


def test_a_value_beside_gaps_is_checked_and_named(tmp_path: Path) -> None:
    source = column_file(tmp_path, ["", 1, 2])

    assert "row 3 (line 4), column 'b': 2 came; kind binary needs 0 or 1." in refusal(
        source, kind=["b=binary"]
    )


def test_an_infinite_value_is_still_refused(tmp_path: Path) -> None:
    source = column_file(tmp_path, ["", 1.5, "inf"])

    assert refusal(source) == (
        "t.csv, row 3 (line 4), column 'b': inf came; a finite number is needed."
    )


@pytest.mark.parametrize("cells", [[""], ["NA"], ["?", "", "NA"]])
def test_a_column_without_a_value_is_to_be_ignored(tmp_path: Path, cells: list[object]) -> None:
    source = column_file(tmp_path, cells)

    assert refusal(source) == (
        "t.csv, column 'b' has no value in any row; one is needed, or --ignore b."
    )
    assert load(source, ignore="b").x.shape == (ROWS, 1)


def test_a_row_without_a_value_is_left_out(tmp_path: Path) -> None:
    dataset = load(text_file(tmp_path / "t.csv", ["a,b", ",", "1.5,", *["2.5,3.5"] * ROWS, ",NA"]))

    assert dataset.x.shape == (ROWS + 1, 2)
    assert dataset.notes[-1] == "t.csv: 2 rows without any value left out."


def test_rows_keep_their_places_when_others_are_left_out(tmp_path: Path) -> None:
    source = text_file(tmp_path / "t.csv", ["a", *["1"] * ROWS, "NA", "7"])

    assert f"row {ROWS + 2} (line {ROWS + 3}), column 'a': 7 came" in refusal(
        source, kind=["a=binary"]
    )


def test_rows_without_a_value_do_not_count(tmp_path: Path) -> None:
    source = text_file(tmp_path / "t.csv", ["a,b", *["1.5,"] * 18, "2.5,3.5", ",", ","])

    assert refusal(source) == "t.csv has 19 rows with a value; at least 20 are needed."


def test_nulls_and_nans_of_every_type_of_column_are_missing(tmp_path: Path) -> None:
    columns = {
        "flag": pl.Series([True, None, False] * 8),
        "marks": pl.Series([5, None, 1] * 8, dtype=pl.Int16),
        "price": pl.Series([1.5, float("nan"), None] * 8),
        "level": pl.Series(["high", "NA", None] * 8, dtype=pl.Enum(["NA", "low", "high"])),
        "city": pl.Series(["Rome", None, "Oslo"] * 8, dtype=pl.Categorical),
        "text": ["a", " ", None] * 8,
        "id": range(24),
    }

    dataset = load(parquet_file(tmp_path, **columns))

    assert kinds_of(dataset)[:5] == ["binary", "ordinal", "real", "categorical", "categorical"]
    assert dataset.missing_cells().tolist() == [8, 8, 16, 8, 8, 16, 0]
    assert dataset.features[3].categories == ("NA", "low", "high")


def test_numbers_read_as_names_have_no_name_for_nan(tmp_path: Path) -> None:
    source = parquet_file(tmp_path, zone=[2.0, float("nan"), 7.0] * 8, a=numbers())

    dataset = load(source, kind=["zone=categorical"])

    assert dataset.features[0].categories == ("2.0", "7.0")


def test_a_parquet_column_of_nulls_is_to_be_ignored(tmp_path: Path) -> None:
    source = parquet_file(tmp_path, a=numbers(), b=[None] * ROWS)

    assert "column 'b' has no value in any row; one is needed, or --ignore b." in refusal(source)


def gappy(observed: int) -> Dataset:
    """A table of 50 rows whose column `b` has values in the first rows only."""
    dataset = load("iris", ignore=["petal length (cm)", "petal width (cm)"])
    dataset.x[observed:, 1] = np.nan
    return dataset


def test_a_split_leaves_a_value_of_every_feature_to_train_on() -> None:
    with pytest.raises(DataError) as refused:
        split_rows(gappy(observed=1), validation_fraction=0.4, test_fraction=0.4, seed=1)

    assert str(refused.value) == (
        "iris: 'sepal width (cm)' has 1 value in 150 rows, none of them in a training row; "
        "more are needed, or --ignore sepal width (cm)."
    )


def test_gaps_do_not_move_a_row_to_another_part() -> None:
    whole, gaps = (
        split_rows(gappy(observed=n), validation_fraction=0.1, test_fraction=0.2, seed=0)
        for n in (150, 75)
    )

    assert np.array_equal(whole.test[:, 0], gaps.test[:, 0])
