"""Ratios, what they reach, and what is kept of them."""

from pathlib import Path

import pytest

from benchmarks.chart import chart_of, goodness
from benchmarks.comparison import Comparison
from benchmarks.record import keep, read_record
from benchmarks.report import main

FASTER = Comparison("rows, rows/s", [6.0, 8.0, 7.0], [1.0, 1.0, 1.0], 6.0, moonshot=10.0)
SLOWER = Comparison("wait, ms", [3.0], [1.0], 2.0, more_is_better=False, moonshot=1.3)


@pytest.mark.parametrize(
    ("ours", "verdict"), [(5.9, "missed"), (6.0, "met"), (9.9, "met"), (10.0, "moonshot")]
)
def test_a_floor_is_reached_from_below(ours: float, verdict: str) -> None:
    assert Comparison("", [ours], [1.0], 6.0, moonshot=10.0).verdict == verdict


@pytest.mark.parametrize(("ours", "verdict"), [(2.1, "missed"), (2.0, "met"), (1.3, "moonshot")])
def test_a_ceiling_is_reached_from_above(ours: float, verdict: str) -> None:
    one = Comparison("", [ours], [1.0], 2.0, more_is_better=False, moonshot=1.3)

    assert one.verdict == verdict


def test_a_mere_comparison_reaches_nothing() -> None:
    assert Comparison("", [5.0], [1.0]).verdict == ""


def test_a_record_gives_back_what_it_was_given(tmp_path: Path) -> None:
    keep([FASTER, SLOWER], tmp_path / "record.json")

    assert read_record(tmp_path / "record.json") == [FASTER, SLOWER]


def test_what_is_measured_again_replaces_what_was_kept(tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    again = Comparison(SLOWER.name, [1.5], [1.0], 2.0, more_is_better=False)
    keep([FASTER, SLOWER], record)

    keep([again], record)

    assert read_record(record) == [FASTER, again]


def test_a_report_leaves_the_rest_of_the_page_alone(tmp_path: Path) -> None:
    record, page, picture = (tmp_path / name for name in ("r.json", "p.md", "p.svg"))
    page.write_text("before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n")
    keep([FASTER, Comparison("other, rows/s", [4.0], [1.0])], record)

    main(record, page, picture)

    assert page.read_text().startswith("before\n<!-- figures -->\n")
    assert page.read_text().endswith("\n<!-- end of figures -->\nafter\n")
    assert "| rows, rows/s | 7 | 1 | 7.00 (6.00 to 8.00) | ≥ 6 | ≥ 10 | met |" in page.read_text()
    assert "old" not in page.read_text()


@pytest.mark.parametrize(("one", "times"), [(FASTER, 7 / 6), (SLOWER, 2 / 3)])
def test_better_is_more_whichever_way_the_goal_points(one: Comparison, times: float) -> None:
    assert goodness(one, one.median) == pytest.approx(times)


def test_a_chart_has_a_line_for_each() -> None:
    drawn = chart_of([FASTER, SLOWER])

    assert drawn.count("<circle") == 2
    assert ">wait<" in drawn
