"""Ratios as a picture: how far each is on the good side of its goal."""

import math
from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.comparison import Comparison

WIDTH, LABELS, LINE, TOP, MARGIN = 960, 500, 30, 50, 16
# Of the goal: what the axis shows.
LOWEST, HIGHEST = 0.25, 16.0
TICKS = (0.25, 0.5, 1, 2, 4, 8, 16)
GOOD, BAD, QUIET = "#1a7f5a", "#c0392b", "#8a8f98"


def chart_of(comparisons: Sequence[Comparison]) -> str:
    """An SVG image: a line for each, with the median, the spread, the goal and the moonshot."""
    height = TOP + LINE * len(comparisons) + 2 * MARGIN
    box = f'viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="12"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        *_axis(height),
    ]
    for i, one in enumerate(comparisons):
        lines += _line(one, TOP + LINE * i + LINE / 2)
    return "\n".join([*lines, "</svg>\n"])


def goodness(one: Comparison, ratio: float) -> float:
    """How many times better than its goal a ratio is; 1 is the goal."""
    goal = one.goal or 1.0
    return ratio / goal if one.more_is_better else goal / ratio


def _axis(height: int) -> Iterator[str]:
    title = "times better than the goal (dot: median; bar: rounds; diamond: moonshot)"
    yield _text(_x(1), 18, title, anchor="middle", fill=QUIET)
    for tick in TICKS:
        x, heavy = _x(tick), tick == 1
        colour = "#333333" if heavy else "#e3e5e8"
        yield f'<path d="M{x:.1f} {TOP - 8}V{height - MARGIN}" stroke="{colour}"/>'
        name = "goal" if heavy else f"{tick:g}x"
        yield _text(x, TOP - 14, name, anchor="middle", fill="#333333" if heavy else QUIET)


def _line(one: Comparison, y: float) -> Iterator[str]:
    ends = sorted(_x(goodness(one, ratio)) for ratio in one.ratios)
    median = goodness(one, one.median)
    colour = GOOD if median >= 1 else BAD
    yield _text(LABELS - 12, y + 4, _label(one), anchor="end", fill="#222222")
    yield (
        f'<path d="M{ends[0]:.1f} {y}H{ends[-1]:.1f}" stroke="{colour}" stroke-width="4" '
        'stroke-linecap="round" opacity="0.4"/>'
    )
    if one.moonshot is not None:
        x = _x(goodness(one, one.moonshot))
        yield f'<path d="M{x:.1f} {y - 6}l6 6l-6 6l-6 -6z" fill="none" stroke="{QUIET}"/>'
    x = _x(median)
    yield f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="{colour}"/>'
    yield _text(WIDTH - MARGIN, y + 4, f"{one.median:.2f}", anchor="end", fill=colour)


def _label(one: Comparison) -> str:
    """The name without the units, which a ratio does not have."""
    return one.name.rpartition(", ")[0]


def _x(times: float) -> float:
    share = math.log(min(max(times, LOWEST), HIGHEST) / LOWEST) / math.log(HIGHEST / LOWEST)
    return LABELS + share * (WIDTH - LABELS - 60)


def _text(x: float, y: float, text: str, *, anchor: str, fill: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'
    )
