"""Tables as text: read as the same rows in arrays, refused by row and name."""

import csv
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import MalformedBodyError, RefusedBodyError, TooManyRowsError, TooManySamplesError
from app.wire.columns import Column, Table, columns_of
from app.wire.csv import Cells, check_width, decode, encode
from model_store.schema import Feature

JOBS = ("cook, head", 'the "smith"', "Zoë")
FEATURES = (
    Feature(name="age", kind="real", likelihood="gaussian"),
    Feature(name="job", kind="categorical", likelihood="categorical", categories=JOBS),
    Feature(name="visits", kind="count", likelihood="poisson"),
)


def at_most_3000(rows: int) -> None:
    if rows > 3000:
        raise TooManyRowsError("Too many.")


TABLE = Table(columns_of(FEATURES), (3,), at_most_3000)


def read(text: str | bytes) -> np.ndarray:
    content = text.encode() if isinstance(text, str) else text
    return decode(content, "records", TABLE).numpy()


number = st.none() | st.floats(allow_nan=False, allow_infinity=False)
rows = st.tuples(number, st.none() | st.sampled_from(JOBS), number).filter(any)


@settings(deadline=None)
@given(
    sent=st.lists(rows, min_size=1),
    order=st.permutations([0, 1, 2]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
)
def test_rows_are_read_as_they_were_written(
    sent: list[tuple[Any, ...]], order: list[int], end: str, quoting: int
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow([FEATURES[i].name for i in order])
    writer.writerows([row[i] for i in order] for row in sent)

    received = read(text.getvalue())

    codes: dict[Any, float | None] = {None: None} | {job: i for i, job in enumerate(JOBS)}
    expected = [[age, codes[job], visits] for age, job, visits in sent]
    np.testing.assert_array_equal(received, np.array(expected, dtype=np.float64))


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffage,job,visits\n1,,2",
        "age,job,visits\n\n1,,2\n\n\n",
        '"age","job","visits"\r\n1,"",2',
        'age, "job", visits \n1, "", 2 \n   \n',
    ],
)
def test_marks_blank_lines_and_quotes_change_nothing(text: str) -> None:
    np.testing.assert_array_equal(read(text), [[1, np.nan, 2]])


def test_more_lines_than_a_block_are_all_read() -> None:
    received = read("age,job,visits\n" + "".join(f"{i},,\n" for i in range(2500)))

    np.testing.assert_array_equal(received[:, 0], np.arange(2500))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "body is empty; needed a header of the features' names."),
        ("age,job,visits\n", "body has no rows; needed at least one below the header."),
        (
            "age,job,visit\n1,,2",
            "body names a feature 'visit'; this model has 'age', 'job', 'visits'.",
        ),
        ("age,job,age\n", "body names feature 'age' twice; needed it once."),
        ("age\n1", "body has no column 'job', 'visits'; needed every feature in the header."),
        ("age,job,visits\n1,,2\n1,2", "records[1] has 2 cells; needed 3."),
        ("age,job,visits\n1,,2,3", "records[0] has 4 cells; needed 3."),
        (
            "age,job,visits\nold,,",
            "records[0]: feature 'age' is 'old'; needed a number.",
        ),
        (
            "age,job,visits\n1,,\n,Z,",
            "records[1]: feature 'job' is 'Z'; needed one of 'cook, head', 'the \"smith\"', 'Zoë'.",
        ),
    ],
    ids=repr,
)
def test_what_is_no_such_table_is_told_by_row_and_name(text: str, message: str) -> None:
    with pytest.raises(RefusedBodyError) as refusal:
        read(text)

    assert refusal.value.refusals[0].message == message


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "1_000", "1e999", "0x10", "1 2", "1;5"])
def test_what_is_no_finite_number_is_refused(cell: str) -> None:
    with pytest.raises(RefusedBodyError, match=f"'age' is '{cell}'; needed a number"):
        read(f"age,job,visits\n{cell},,1")


@pytest.mark.parametrize("cell", ["NA", "nan", "?", "null", " ", "#N/A", " NaN "])
def test_words_that_training_takes_for_gaps_are_gaps(cell: str) -> None:
    np.testing.assert_array_equal(read(f"age,job,visits\n1,{cell},{cell}"), [[1, np.nan, np.nan]])


def test_a_category_may_be_called_as_a_gap_is() -> None:
    table = Table({"job": Column("job", 0, ("?", "NA"))}, (1,), at_most_3000)

    assert decode(b"job\nNA\n?", "records", table).tolist() == [[1], [0]]


@pytest.mark.parametrize(
    "text", [b"age,job,visits\n1,\xff,2", b'age,job,visits\n1,"x,2', b'age,"job"x,visits\n']
)
def test_what_is_no_csv_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedBodyError):
        read(text)


def test_too_many_lines_are_refused_before_they_are_all_read() -> None:
    with pytest.raises(TooManyRowsError):
        read("age,job,visits\n" + "1,,\n" * 3001)


@pytest.mark.parametrize("before", ["", "age,job,visits\n1,,2\n"])
def test_a_line_of_too_many_cells_is_not_taken_apart(before: str) -> None:
    with pytest.raises(RefusedBodyError, match="a line of more than 1,048,576 cells"):
        read(before + "," * 2**20 + ",")


def test_many_commas_in_many_lines_are_no_reason_to_refuse() -> None:
    with pytest.raises(TooManyRowsError):
        read("age,job,visits\n" + "1,,\n" * 2**19 + ",,")


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet='agejobvisit,"\r\n\0 1-.é\ufeff', max_size=40) | st.binary(max_size=40))
def test_any_bytes_are_rows_or_refused(content: str | bytes) -> None:
    for text in (
        content,
        b"age,job,visits\n" + (content if isinstance(content, bytes) else content.encode()),
    ):
        try:
            received = read(text)
        except (MalformedBodyError, RefusedBodyError):
            continue
        assert received.shape[1:] == (3,)


def test_columns_are_written_below_their_names() -> None:
    columns = {
        "age": Cells(np.array([0.1, np.nan], dtype=np.float32)),
        "job": Cells(np.array([1.0, np.nan]), JOBS),
        "count": Cells(np.array([3, 4])),
        "flag": Cells(np.array([True, False])),
        "none": Cells(None),
    }

    written = encode(columns, 2).decode()

    assert written == 'age,job,count,flag,none\r\n0.1,"the ""smith""",3,true,\r\n,,4,false,\r\n'


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_survive_being_written_and_read(values: list[float]) -> None:
    written = encode({"x": Cells(np.array(values))}, len(values)).decode()

    assert [float(line) for line in written.split()[1:]] == values


def test_a_table_is_no_wider_than_a_spreadsheet() -> None:
    check_width(16_384)
    with pytest.raises(TooManySamplesError, match="16,385 columns"):
        check_width(16_385)
