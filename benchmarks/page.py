"""Figures on a page: tables between two marks, which a command writes and a reader does not see."""

from collections.abc import Iterable, Sequence
from pathlib import Path


def fill(page: Path, name: str, text: str) -> None:
    """Puts the text between `<!-- name -->` and `<!-- end of name -->`.

    Raises:
        ValueError: the page has no such marks.
    """
    begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    before, is_begun, rest = page.read_text().partition(begin)
    _, is_ended, after = rest.partition(end)
    if not is_begun or not is_ended:
        raise ValueError(f"{page} has no marks {begin.strip()} and {end.strip()}; needed both.")
    page.write_text(f"{before}{begin}{text}{end}{after}")


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; nothing if it has no rows."""
    cells = list(rows)
    if not cells:
        return ""
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *cells))
