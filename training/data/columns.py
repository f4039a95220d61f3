"""One column of a table: from its cells to numbers, or to the codes of names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from model_store.cell_texts import DECIMAL_COMMA, GAPS_AMONG_NAMES, GAPS_AMONG_NUMBERS
from model_store.schema import Kind
from training.config import TrainingConfig
from training.errors import DataError

MAX_CATEGORIES = 65_536
MAX_INFERRED_CATEGORIES = 1_000
MIN_ROWS_PER_CATEGORY = 2
"""Text with fewer rows for each of its values is rather a label or a note than a category."""

MIN_NUMERIC_SHARE = 0.5
"""Where at least so many values are numbers, all are meant to be and the others are wrong."""

_DATE = r"^\d{4}-\d\d-\d\d([T ].*)?$"


@dataclass(frozen=True, eq=False)
class Column:
    """A column to learn from.

    Args:
        values: One number a row; codes where there are categories, NaN where a cell is missing.
        whole: Whether it was written as whole numbers.
        categories: The names of the codes, if it was text.
        gap_words: Words that were read as missing cells, and in how many cells they stood.
        kept_words: Words that would have been, had the flags not asked for names; likewise.
    """

    values: np.ndarray
    whole: bool
    categories: tuple[str, ...] | None = None
    gap_words: Mapping[str, int] = field(default_factory=dict)
    kept_words: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ColumnReader:
    """Reads one column; what is wrong with it is said with its place.

    Args:
        source: The file's name.
        name: The column's name.
        place: Row index to the words that lead a user there.
        wanted: The kind that was asked for, or None.
    """

    source: str
    name: str
    place: Callable[[int], str]
    wanted: Kind | None

    def read(self, cells: pl.Series) -> Column:
        """The column's numbers or codes.

        Raises:
            DataError: a cell is no number, or the whole column is of no use.
        """
        dtype = cells.dtype
        if cells.null_count() == len(cells):
            return _without_values(cells)
        if dtype == pl.String:
            return self._read_text(cells.set(cells.str.strip_chars() == "", None))
        if isinstance(dtype, pl.Enum):
            return _encode(cells, dtype.categories.to_list())
        if dtype == pl.Categorical or (self.wanted == "categorical" and _is_number(dtype)):
            observed = cells.fill_nan(None) if dtype.is_float() else cells
            return self._read_names(observed.cast(pl.String))
        if not _is_number(dtype):
            raise self._column_error(
                f"is of type {dtype}; numbers or text are needed, or --ignore {self.name}"
            )
        return Column(_numbers(cells), whole=dtype.is_integer() or dtype == pl.Boolean)

    def _read_text(self, cells: pl.Series) -> Column:
        """Numbers where all values are, else names; empty cells are null."""
        if self.wanted == "categorical":
            words = _counts(cells, cells.is_in(GAPS_AMONG_NAMES))
            return replace(self._read_names(cells), kept_words=words)
        numbers = cells.cast(pl.Float64, strict=False)
        gaps = cells.str.to_lowercase().is_in(GAPS_AMONG_NUMBERS) | numbers.is_nan()
        values = cells.set(gaps, None)
        if self._are_numbers(values, numbers):
            whole = values.cast(pl.Int64, strict=False).count() == values.count()
            return Column(_numbers(numbers), whole=whole, gap_words=_counts(cells, gaps))
        gaps = cells.is_in(GAPS_AMONG_NAMES)
        names = cells.set(gaps, None)
        self._refuse_unique_text(names)
        return replace(self._read_names(names), gap_words=_counts(cells, gaps))

    def _are_numbers(self, values: pl.Series, numbers: pl.Series) -> bool:
        """Whether there are values, and all are numbers.

        Raises:
            DataError: some are not, though the column is meant to hold numbers.
        """
        num_values, wrong = values.count(), values.is_not_null() & numbers.is_null()
        if self.wanted is None and wrong.sum() > (1 - MIN_NUMERIC_SHARE) * num_values:
            return False
        if wrong.any():
            raise self._wrong_number(values, row=int(wrong.arg_max() or 0))
        return num_values > 0 or self.wanted is not None

    def _read_names(self, cells: pl.Series) -> Column:
        names = cells.drop_nulls().unique().to_list()
        if not names:
            return _without_values(cells)
        if len(names) > MAX_CATEGORIES:
            raise self._column_error(
                f"has {len(names):,} different values; a categorical one needs at most "
                f"{MAX_CATEGORIES:,}"
            )
        return _encode(cells, sorted(names, key=_natural_order))

    def _wrong_number(self, cells: pl.Series, *, row: int) -> DataError:
        text = cells[row]
        if cells.str.contains(DECIMAL_COMMA).any():
            needed = "a number with a decimal point is needed"
        elif self.wanted is not None:
            needed = f"kind {self.wanted} needs a number"
        else:
            needed = f"a number is needed, or --kind {self.name}=categorical to read names"
        return self._cell_error(row, f"{_shortened(text)} came; {needed}")

    def _refuse_unique_text(self, cells: pl.Series) -> None:
        """Refuses notes, labels, dates and numbers in disguise, from which nothing is learnt."""
        row = int(cells.is_not_null().arg_max() or 0)
        names = cells.drop_nulls()
        if names.is_empty():
            return
        distinct, first = names.n_unique(), _shortened(names[0])
        if names.str.contains(DECIMAL_COMMA).all():
            raise self._cell_error(row, f"{first} came; a number with a decimal point is needed")
        if names.str.contains(_DATE).all():
            raise self._column_error(
                f"holds dates such as {first}; numbers are needed, or --ignore {self.name}"
            )
        if distinct > min(MAX_INFERRED_CATEGORIES, len(names) // MIN_ROWS_PER_CATEGORY):
            raise self._column_error(
                f"holds {distinct:,} different texts in {len(names):,} rows, such as {first}; "
                f"--ignore {self.name} is needed, or --kind {self.name}=categorical"
            )

    def _column_error(self, sentence: str) -> DataError:
        return DataError(f"{self.source}, column {self.name!r} {sentence}.")

    def _cell_error(self, row: int, sentence: str) -> DataError:
        return DataError(f"{self.source}, {self.place(row)}, column {self.name!r}: {sentence}.")


def wanted_kind(name: str, config: TrainingConfig) -> Kind | None:
    """The kind that the flags ask for where it decides how a column is read."""
    forced: Kind | None = "categorical" if config.likelihood == "categorical" else None
    return config.kind.get(name, forced)


def _is_number(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype == pl.Boolean


def _numbers(cells: pl.Series) -> np.ndarray:
    return cells.cast(pl.Float64).to_numpy()


def _without_values(cells: pl.Series) -> Column:
    return Column(np.full(len(cells), np.nan), whole=False)


def _counts(cells: pl.Series, gaps: pl.Series) -> dict[str, int]:
    """How often each of the words that were found stands there."""
    return dict(cells.filter(gaps.fill_null(value=False)).value_counts(sort=True).rows())


def _encode(cells: pl.Series, categories: list[str]) -> Column:
    codes = cells.cast(pl.String).cast(pl.Enum(categories)).to_physical()
    return Column(_numbers(codes), whole=True, categories=tuple(categories))


def _natural_order(name: str) -> tuple[float, str]:
    """Numbers by their size, before all other text."""
    try:
        return float(name), name
    except ValueError:
        return float("inf"), name


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
