"""Words that stand in a table where a value is missing."""

# As they are written: `na`, `none`, `missing` or `-` may well be a category's name.
GAPS_AMONG_NAMES = ("?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null")
# Where all else is a number, a word can only mean that there is none; in small letters.
GAPS_AMONG_NUMBERS = (
    *("?", "na", "n/a", "#n/a", "<na>", "nan", "null"),
    *("none", "missing", "-", "--", "."),
)
