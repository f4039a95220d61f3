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
from benchmarks.record import machine_of, read_record

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def main(
    record: Annotated[Path, typer.Argument(help="What was measured.")],
    page: Annotated[Path, typer.Argument(help="Where the table goes.")],
    picture: Annotated[Path, typer.Argument(help="An SVG file to write.")],
) -> None:
    """Bring a page and a picture up to date."""
    comparisons = read_record(record)
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    parts = (f"{machine_of(record)}.", *_tables(comparisons))
    page.write_text(f"{before}{BEGIN}\n" + "\n\n".join(parts) + f"\n{END}{after}")
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


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; nothing if it has no rows."""
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    typer.run(main)
