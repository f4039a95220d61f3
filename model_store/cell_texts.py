"""What the text of a table's cell is: a number, a category, or a word for a missing value."""

from collections.abc import Mapping
from math import nan

# As they are written: `na`, `none`, `missing` or `-` may well be a category's name.
GAPS_AMONG_NAMES = ("?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null")
# Where all else is a number, a word can only mean that there is none; in small letters.
GAPS_AMONG_NUMBERS = (
    *("?", "na", "n/a", "#n/a", "<na>", "nan", "null"),
    *("none", "missing", "-", "--", "."),
)

DECIMAL_COMMA = r"^[+-]?\d+,\d+$"
"""A number as half of the world writes it, which nobody can tell from two: none is read."""


def number_in(cell: str) -> float | None:
    """The number in a cell, an infinity too; NaN where it says there is none; None if neither."""
    try:
        number = float(cell)
    except ValueError:
        bare = cell.strip().lower()
        return nan if not bare or bare in GAPS_AMONG_NUMBERS else None
    # Python also reads 1_000.
    return None if "_" in cell else number


def code_in(cell: str, codes: Mapping[str, int]) -> float | None:
    """The code of the category in a cell; NaN where it says there is none; None if neither.

    A name of a category is one, also where it says `NA`.
    """
    bare = cell.strip()
    if not bare:
        return nan
    return codes.get(cell, codes.get(bare, nan if bare in GAPS_AMONG_NAMES else None))


def is_number(text: str) -> bool:
    """Whether it is one, as Python writes numbers; a header of nothing else is no header."""
    try:
        float(text)
    except ValueError:
        return False
    return True
