"""A record of figures as a table on a page, and as a picture.

    python -m benchmarks.report docs/performance.json docs/performance.md docs/performance.svg

The table takes the place of what stands between the page's two marks.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.chart import chart_of
from benchmarks.comparison import Comparison, cells_of
from benchmarks.page import fill, markdown
from benchmarks.record import machine_of, read_record


def main(
    record: Annotated[Path, typer.Argument(help="What was measured.")],
    page: Annotated[Path, typer.Argument(help="Where the table goes.")],
    picture: Annotated[Path, typer.Argument(help="An SVG file to write.")],
) -> None:
    """Bring a page and a picture up to date."""
    comparisons = read_record(record)
    parts = (f"{machine_of(record)}.", *_tables(comparisons))
    fill(page, "figures", "\n\n".join(parts))
    picture.write_text(chart_of([one for one in comparisons if one.goal is not None]))


def _tables(comparisons: Sequence[Comparison]) -> tuple[str, str]:
    """Those with a goal, and those without."""
    aimed = [one for one in comparisons if one.goal is not None]
    others = [one for one in comparisons if one.goal is None]
    return (
        markdown(
            ("", "this service", "baseline", "ratio (min to max)", "goal", "moonshot", ""),
            [(one.name, *cells_of(one), _moonshot(one), one.verdict) for one in aimed],
        ),
        markdown(
            ("", "this service", "baseline", "ratio (min to max)"),
            [(one.name, *cells_of(one)[:3]) for one in others],
        ),
    )


def _moonshot(one: Comparison) -> str:
    return "" if one.moonshot is None else f"{'≥' if one.more_is_better else '≤'} {one.moonshot:g}"


if __name__ == "__main__":
    typer.run(main)
