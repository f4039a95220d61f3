"""What the text of a table's cell is: a number, or one of the words for a missing value."""

# As they are written: `na`, `none`, `missing` or `-` may well be a category's name.
GAPS_AMONG_NAMES = ("?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null")
# Where all else is a number, a word can only mean that there is none; in small letters.
GAPS_AMONG_NUMBERS = (
    *("?", "na", "n/a", "#n/a", "<na>", "nan", "null"),
    *("none", "missing", "-", "--", "."),
)


def is_number(text: str) -> bool:
    """Whether it is one, as Python writes numbers; a header of nothing else is no header."""
    try:
        float(text)
    except ValueError:
        return False
    return True
