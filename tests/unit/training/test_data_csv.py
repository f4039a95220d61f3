"""CSV files of every make, and every way in which one is refused."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from tests.sources import ROWS, csv_file, kinds_of, load, numbers, refusal, text_file

TWO_COLUMNS = [f"{i},{i / 8}" for i in range(ROWS)]


def with_cell(tmp_path: Path, cell: str, row: int = 3) -> Path:
    """Two columns `a` and `b`; the cell stands in `b`, in the data row counted from 1."""
    cells = [str(n) for n in numbers()]
    cells[row - 1] = cell
    return csv_file(tmp_path / "t.csv", {"a": numbers(), "b": cells})


def test_a_csv_file_becomes_rows_of_named_columns(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "pumps.csv", {"flow": numbers(), "heat": numbers()[::-1]})

    dataset = load(source)

    assert [feature.name for feature in dataset.features] == ["flow", "heat"]
    assert np.array_equal(dataset.x, np.column_stack([numbers(), numbers()[::-1]]))
    assert (dataset.source, dataset.default_name) == ("pumps.csv", "pumps")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    lines = [line.replace(",", delimiter) for line in ["a,b", *TWO_COLUMNS]]

    assert load(text_file(tmp_path / "t.csv", lines)).x.shape == (ROWS, 2)


def test_a_delimiter_inside_quotation_marks_is_not_counted(tmp_path: Path) -> None:
    lines = ['"a,b,c";d', *(line.replace(",", ";") for line in TWO_COLUMNS)]

    dataset = load(text_file(tmp_path / "t.csv", lines))

    assert [feature.name for feature in dataset.features] == ["a,b,c", "d"]


def test_a_gzipped_csv_file_is_unpacked(tmp_path: Path) -> None:
    source = tmp_path / "t.csv.gz"
    source.write_bytes(gzip.compress("\n".join(["a,b", *TWO_COLUMNS]).encode()))

    dataset = load(source)

    assert dataset.x.shape == (ROWS, 2)
    assert dataset.default_name == "t"


def test_windows_files_are_read(tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    source.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(["a,b", *TWO_COLUMNS, ""]).encode())

    dataset = load(source)

    assert dataset.features[0].name == "a"
    assert dataset.x.shape == (ROWS, 2)


def test_blanks_around_cells_and_blank_lines_mean_nothing(tmp_path: Path) -> None:
    lines = ["", " a , b ", *(line.replace(",", " , ") for line in TWO_COLUMNS), "", "   "]

    dataset = load(text_file(tmp_path / "t.csv", lines))

    assert [feature.name for feature in dataset.features] == ["a", "b"]
    assert dataset.x.shape == (ROWS, 2)


def test_text_becomes_codes_of_sorted_names(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"c": ["red", "blue", "green"] * 8})

    dataset = load(source)

    assert dataset.features[0].categories == ("blue", "green", "red")
    assert dataset.x[:3, 0].tolist() == [2, 0, 1]


def test_numbers_read_as_names_keep_their_spelling_and_order(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"c": ["10", "9", "007"] * 8})

    dataset = load(source, kind=["c=categorical"])

    assert dataset.features[0].categories == ("007", "9", "10")


def test_a_text_column_with_one_value_is_a_category_of_its_own(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"a": numbers(), "c": ["same"] * ROWS})

    assert load(source).features[1].categories == ("same",)


def test_an_ignored_column_may_hold_anything(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"id": [f"n{i}" for i in range(ROWS)], "a": numbers()})

    assert [feature.name for feature in load(source, ignore="id").features] == ["a"]


def test_the_line_of_a_row_counts_quoted_line_breaks(tmp_path: Path) -> None:
    lines = ["c,a", '"two\nlines",1', *["one,2"] * ROWS, "one,x"]

    message = refusal(text_file(tmp_path / "t.csv", lines))

    assert f"row {ROWS + 2} (line {ROWS + 4}), column 'a': 'x' came" in message


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("inf", "inf came; a finite number is needed."),
        ("-1e999", "-inf came; a finite number is needed."),
        ("abc", "'abc' came; a number is needed, or --kind b=categorical to read names."),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, cell: str, said: str) -> None:
    assert refusal(with_cell(tmp_path, cell)) == f"t.csv, row 3 (line 4), column 'b': {said}"


@pytest.mark.parametrize("step", [1, 2])
def test_a_decimal_comma_is_named_in_all_cells_or_some(tmp_path: Path, step: int) -> None:
    cells = [f"{i},5" if i % step == 0 else str(i) for i in range(ROWS)]
    source = text_file(tmp_path / "t.csv", ["a;b", *(f"{cell};1" for cell in cells)])

    assert "'0,5' came; a number with a decimal point is needed." in refusal(source)


def test_text_is_no_count(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"c": ["few", "many"] * 12})

    assert "'few' came; kind count needs a number." in refusal(source, kind=["c=count"])


def test_text_that_is_different_in_most_rows_is_to_be_ignored(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"id": [f"n{i}" for i in range(ROWS)], "a": numbers()})

    assert refusal(source) == (
        "t.csv, column 'id' holds 24 different texts in 24 rows, such as 'n0'; "
        "--ignore id is needed, or --kind id=categorical."
    )


def test_dates_are_to_be_ignored(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"day": ["2024-02-29", "2024-03-01"] * 12})

    assert "'day' holds dates such as '2024-02-29'" in refusal(source)


@pytest.mark.parametrize("row", ["1", "1,2,3"])
def test_a_ragged_row_is_named(tmp_path: Path, row: str) -> None:
    lines = ["a,b", *TWO_COLUMNS[:4], row, *TWO_COLUMNS[5:]]

    message = refusal(text_file(tmp_path / "t.csv", lines))

    assert message == (
        f"t.csv, row 5 (line 6) has {row.count(',') + 1} cells; 2 are needed, as in the first line."
    )


def test_the_first_line_must_be_names(tmp_path: Path) -> None:
    message = refusal(text_file(tmp_path / "t.csv", TWO_COLUMNS))

    assert message == "t.csv, line 1 holds numbers only; the first line must name the columns."


def test_two_columns_cannot_share_a_name(tmp_path: Path) -> None:
    message = refusal(text_file(tmp_path / "t.csv", ["a,a", *TWO_COLUMNS]))

    assert message == "t.csv, line 1: two columns are named 'a'; different names are needed."


def test_a_nameless_column_can_be_ignored_by_its_number(tmp_path: Path) -> None:
    source = text_file(tmp_path / "t.csv", [",b", *TWO_COLUMNS])

    assert "column 1 has no name; one is needed, or --ignore column_1." in refusal(source)
    assert load(source, ignore="column_1").x.shape == (ROWS, 1)


def test_too_few_rows_are_counted(tmp_path: Path) -> None:
    source = text_file(tmp_path / "t.csv", ["a,b", *TWO_COLUMNS[:19]])

    assert refusal(source) == "t.csv has 19 rows; at least 20 are needed."


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert refusal(text_file(tmp_path / "t.csv", [])).startswith("t.csv is empty;")


def test_a_column_that_is_not_there_is_named_with_those_like_it(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"label": numbers(), "time": numbers()})

    assert refusal(source, ignore="labels") == (
        "--ignore names column 'labels', which t.csv does not have; needed one like 'label'."
    )
    assert "--kind names column 'tme'" in refusal(source, kind=["tme=real"])


def test_a_column_must_be_left(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"a": numbers()})

    assert "no column that is not ignored" in refusal(source, ignore="a")


def test_a_name_cannot_be_endless(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"n" * 257: numbers()})

    assert "a column whose name has 257 characters" in refusal(source)


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    source.write_bytes("größe\n1\n".encode("latin-1"))

    assert refusal(source) == "t.csv is no text in UTF-8: byte 0xf6 came; a CSV file is needed."


def test_an_open_quotation_mark_is_refused(tmp_path: Path) -> None:
    source = text_file(tmp_path / "t.csv", ["a,b", *TWO_COLUMNS, '"1,2', "3,4"])

    assert "t.csv, line 26: unexpected end of data" in refusal(source)


def test_a_plain_file_named_gz_is_refused(tmp_path: Path) -> None:
    source = text_file(tmp_path / "t.csv.gz", ["a,b", *TWO_COLUMNS])

    assert refusal(source) == "t.csv.gz is damaged or no gzip file; one is needed."


def test_a_column_has_no_more_categories_than_a_checkpoint_holds(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"c": range(65_537)})

    assert "'c' has 65,537 different values" in refusal(source, kind=["c=categorical"])


def test_kinds_of_a_real_table(tmp_path: Path) -> None:
    source = csv_file(
        tmp_path / "t.csv",
        {
            "smoker": [0, 1] * 12,
            "grade": [1, 2, 3, 4] * 6,
            "visits": [0, 1, 2, 40] * 6,
            "age": range(40, 40 + ROWS),
            "size": numbers(),
            "city": ["Rome", "Oslo"] * 12,
        },
    )

    assert kinds_of(load(source)) == ["binary", "ordinal", "count", "real", "real", "categorical"]
