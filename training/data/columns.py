"""One column of a table: from its cells to numbers, or to the codes of names."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from model_store.schema import Kind
from training.config import TrainingConfig
from training.errors import DataError

MAX_CATEGORIES = 65_536
MAX_INFERRED_CATEGORIES = 1_000
MIN_ROWS_PER_CATEGORY = 2
"""Text with fewer rows for each of its values is rather a label or a note than a category."""

MIN_NUMERIC_SHARE = 0.5
"""Where at least so many cells are numbers, the column is meant to be one and the rest is wrong."""

_MISSING_WORDS = ("na", "n/a", "null", "none", "?", "-", "--", ".", "missing")
_DATE = r"^\d{4}-\d\d-\d\d([T ].*)?$"
_DECIMAL_COMMA = r"^[+-]?\d+,\d+$"


@dataclass(frozen=True, eq=False)
class Column:
    """A column to learn from.

    Args:
        values: One number a row; codes where there are categories.
        whole: Whether it was written as whole numbers.
        categories: The names of the codes, if it was text.
    """

    values: np.ndarray
    whole: bool
    categories: tuple[str, ...] | None = None


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
            DataError: a cell is empty or no number, or the whole column is of no use.
        """
        self._refuse_missing(cells)
        dtype = cells.dtype
        if dtype == pl.String:
            return self._read_text(cells)
        if isinstance(dtype, pl.Enum):
            return _encode(cells, dtype.categories.to_list())
        if dtype == pl.Categorical or (self.wanted == "categorical" and _is_number(dtype)):
            return self._read_names(cells.cast(pl.String))
        if not _is_number(dtype):
            raise self._column_error(
                f"is of type {dtype}; numbers or text are needed, or --ignore {self.name}"
            )
        return Column(_numbers(cells), whole=dtype.is_integer() or dtype == pl.Boolean)

    def _read_text(self, cells: pl.Series) -> Column:
        """Numbers where the cells are, else names."""
        if self.wanted == "categorical":
            return self._read_names(cells)
        numbers = cells.cast(pl.Float64, strict=False)
        wrong = numbers.is_null()
        if not wrong.any():
            integers = cells.cast(pl.Int64, strict=False)
            return Column(_numbers(numbers), whole=integers.null_count() == 0)
        if self.wanted is not None or 1 - wrong.sum() / len(cells) >= MIN_NUMERIC_SHARE:
            raise self._wrong_number(cells, row=int(wrong.arg_max() or 0))
        self._refuse_unique_text(cells)
        return self._read_names(cells)

    def _read_names(self, cells: pl.Series) -> Column:
        names = cells.unique().to_list()
        if len(names) > MAX_CATEGORIES:
            raise self._column_error(
                f"has {len(names):,} different values; a categorical one needs at most "
                f"{MAX_CATEGORIES:,}"
            )
        return _encode(cells, sorted(names, key=_natural_order))

    def _refuse_missing(self, cells: pl.Series) -> None:
        missing = cells.is_null()
        if cells.dtype == pl.String:
            missing |= cells == ""
        if missing.any():
            row = int(missing.arg_max() or 0)
            raise self._cell_error(row, "the cell is empty; missing values are not supported yet")

    def _wrong_number(self, cells: pl.Series, *, row: int) -> DataError:
        text = cells[row]
        if text.lower() in _MISSING_WORDS:
            needed = "missing values are not supported yet, so a number is needed"
        elif cells.str.contains(_DECIMAL_COMMA).any():
            needed = "a number with a decimal point is needed"
        elif self.wanted is not None:
            needed = f"kind {self.wanted} needs a number"
        else:
            needed = f"a number is needed, or --kind {self.name}=categorical to read names"
        return self._cell_error(row, f"{_shortened(text)} came; {needed}")

    def _refuse_unique_text(self, cells: pl.Series) -> None:
        """Refuses notes, labels, dates and numbers in disguise, from which nothing is learnt."""
        distinct, first = cells.n_unique(), _shortened(cells[0])
        if cells.str.contains(_DECIMAL_COMMA).all():
            raise self._cell_error(0, f"{first} came; a number with a decimal point is needed")
        if cells.str.contains(_DATE).all():
            raise self._column_error(
                f"holds dates such as {first}; numbers are needed, or --ignore {self.name}"
            )
        if distinct > min(MAX_INFERRED_CATEGORIES, len(cells) // MIN_ROWS_PER_CATEGORY):
            raise self._column_error(
                f"holds {distinct:,} different texts in {len(cells):,} rows, such as {first}; "
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
