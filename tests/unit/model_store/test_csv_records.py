"""CSV files row by row: each row's cells, lines, text and place."""

import csv
import gzip
from io import StringIO
from pathlib import Path

import pytest

from model_store import csv_records
from model_store.csv_records import CsvError, MalformedRowError, Record, opened

TABLE = 'a,b\r\n1,"two\nlines"\n\n  \n3, ü\r4,"x ""y"""'


def rows_of(path: Path, at: int = 0, separator: str = ",", line: int = 1) -> list[Record]:
    with opened(path, at) as content:
        return list(content.records(separator, line=line))


def table(folder: Path, text: str = TABLE, name: str = "t.csv") -> Path:
    path, content = folder / name, text.encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.fixture(params=[2, 5, 2**18])
def _pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "_CHARACTERS_AT_ONCE", request.param)


@pytest.mark.usefixtures("_pieces")
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_rows_have_their_cells_and_lines(tmp_path: Path, name: str) -> None:
    rows = rows_of(table(tmp_path, name=name))

    assert [row.cells for row in rows] == [
        ["a", "b"],
        ["1", "two\nlines"],
        ["3", "ü"],
        ["4", 'x "y"'],
    ]
    assert [(row.line, row.next_line) for row in rows] == [(1, 2), (2, 4), (6, 7), (7, 8)]


@pytest.mark.usefixtures("_pieces")
def test_texts_are_the_file_but_for_blank_lines(tmp_path: Path) -> None:
    rows = rows_of(table(tmp_path))

    assert "".join(row.text for row in rows) == TABLE.replace("\n\n  \n", "\n")
    assert sum(row.size for row in rows) == len(TABLE.encode())


@pytest.mark.usefixtures("_pieces")
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_reading_goes_on_behind_any_row(tmp_path: Path, mark: str) -> None:
    path = table(tmp_path, mark + TABLE)
    first, second, *others = rows_of(path)

    at = len(mark.encode()) + first.size + second.size

    assert rows_of(path, at, line=second.next_line) == others


@pytest.mark.usefixtures("_pieces")
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_lines_without_quotation_marks_are_cut_as_by_the_csv_module(
    tmp_path: Path, separator: str
) -> None:
    lines = [" a ,b", "", ",", "1, 2,", "  , ,x;y", "\t3;4\t", "é\u2028,5\r", "6, \t7;  8", "9;9"]
    text = "\n".join(line.replace(",", separator) for line in lines)

    found = [row.cells for row in rows_of(table(tmp_path, text), separator=separator)]

    read = csv.reader(
        StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True
    )
    assert found == [cells for cells in read if len(cells) > 1 or "".join(cells).strip()]


@pytest.mark.parametrize(
    ("text", "line"), [('a\n"b\n', 2), ('a\n\n"b"c\n', 3), ("a\n" + "b" * 200_000, 2)]
)
def test_a_row_that_is_not_well_formed_is_refused_by_its_line(
    tmp_path: Path, text: str, line: int
) -> None:
    with pytest.raises(MalformedRowError, match=rf"^t\.csv, line {line}: .*; a well-formed row is"):
        rows_of(table(tmp_path, text))


def test_a_line_without_an_end_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "_LONGEST_LINE", 1000)

    with pytest.raises(CsvError, match="has a line of more than 1,000 characters"):
        rows_of(table(tmp_path, "," * 300_000))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a\n\xff\n")

    with pytest.raises(CsvError, match="no text in UTF-8: byte 0xff came"):
        rows_of(path)


@pytest.mark.parametrize("content", [b"a,b\n", gzip.compress(b"a,b\n" * 99)[:-9], b"\x1f\x8b\x08"])
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(content)

    with pytest.raises(CsvError, match=r"t\.csv\.gz is damaged or no gzip file"):
        rows_of(path)
