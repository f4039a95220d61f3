"""A table comes back line by line as it was written, with columns added."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.wire.csv import Cells
from app.wire.returned_csv import encode

ADDED = {"score": Cells(np.array([0.5, 2.0])), "top": Cells(np.arange(2), ["a,b", 'c"'])}


@pytest.mark.parametrize(
    ("came", "back"),
    [
        ("age,job\n1,x\n2,y\n", 'age,job,score,top\n1,x,0.5,"a,b"\n2,y,2.0,"c"""\n'),
        ("age,job\r\n1,x\r\n2,y", 'age,job,score,top\r\n1,x,0.5,"a,b"\r\n2,y,2.0,"c"""\r\n'),
        (
            '"age";job\n01.0;"x;y"\n 2;\n',
            '"age";job;score;top\n01.0;"x;y";0.5;a,b\n 2;;2.0;"c"""\n',
        ),
        ("age\tjob\n1\tx\n2\ty\n", 'age\tjob\tscore\ttop\n1\tx\t0.5\ta,b\n2\ty\t2.0\t"c"""\n'),
        ("age,job\r1,x\r2,y\r", 'age,job,score,top\r1,x,0.5,"a,b"\r2,y,2.0,"c"""\r'),
        ("\n\nage,job\n1,x\n\n2,y\n\n", 'age,job,score,top\n1,x,0.5,"a,b"\n2,y,2.0,"c"""\n'),
        ('age, "job"\n 1, x\n   \n2,y\n', 'age, "job",score,top\n 1, x,0.5,"a,b"\n2,y,2.0,"c"""\n'),
        ("\ufeffage,job\n1,x\n2,y\n", '\ufeffage,job,score,top\n1,x,0.5,"a,b"\n2,y,2.0,"c"""\n'),
        (
            'age,job\n1,"x\r\ny"\n2,y\n',
            'age,job,score,top\n1,"x\r\ny",0.5,"a,b"\n2,y,2.0,"c"""\n',
        ),
    ],
)
def test_lines_are_as_they_were(came: str, back: str) -> None:
    assert encode(came.encode(), ["age", "job"], ADDED).decode() == back


def test_a_name_that_is_taken_is_numbered() -> None:
    came = b"age,score,score_2\n1,9,9\n2,9,9\n"

    back = encode(came, ["age"], ADDED).decode()

    assert back.splitlines()[0] == "age,score,score_2,score_3,top"


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(cells, cells), min_size=2, max_size=2),
    separator=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_any_table_holds_comes_back(
    rows: list[tuple[str, str]], separator: str, end: str
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("age", "job"), *rows])

    back = encode(text.getvalue().encode(), ["age", "job"], ADDED).decode()

    found = list(csv.reader(io.StringIO(back, newline=""), delimiter=separator, strict=True))
    assert found == [
        ["age", "job", "score", "top"],
        [*rows[0], "0.5", "a,b"],
        [*rows[1], "2.0", 'c"'],
    ]
