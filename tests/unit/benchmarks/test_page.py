"""Tables that a command puts between two marks of a page."""

from pathlib import Path

import pytest

from benchmarks.page import fill, markdown


def test_only_the_text_between_its_own_marks_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "p.md"
    other = "<!-- b -->\nkept\n<!-- end of b -->\n"
    page.write_text(f"before\n<!-- a -->\nold\nlines\n<!-- end of a -->\n{other}")

    fill(page, "a", "new")

    assert page.read_text() == f"before\n<!-- a -->\nnew\n<!-- end of a -->\n{other}"


@pytest.mark.parametrize(
    "text", ["no marks", "<!-- a -->\nno end", "<!-- end of a -->\n<!-- a -->"]
)
def test_a_page_without_both_marks_in_order_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    page = tmp_path / "p.md"
    page.write_text(text)

    with pytest.raises(ValueError, match="has no marks <!-- a --> and <!-- end of a -->"):
        fill(page, "a", "new")

    assert page.read_text() == text


def test_a_table_without_rows_is_nothing() -> None:
    assert markdown(["a", "b"], []) == ""
    assert markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
