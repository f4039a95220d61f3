"""What a reader hands on: rows of numbers, the names of their cells, and how to point at them."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path

import numpy as np

from model_store.csv_records import CsvError
from training.config import TrainingConfig
from training.errors import DataError, DataUnavailableError

MIN_ROWS = 20
"""Fewer rows leave nothing to learn from once validation and test rows are set aside."""

MAX_FEATURES = 65_536
"""A dense network over more cells than a 256 x 256 image has needs a smaller picture instead."""

_BLOCK_ELEMENTS = 2**22  # rows are looked at in blocks, so that no mask is as large as the data


@dataclass(frozen=True, eq=False)
class Reading:
    """The content of a source before anything is decided about it.

    Args:
        source: What messages call it: the file's or folder's name, or that of the built-in set.
        default_name: The model's name where none is given.
        x: Rows, shape (rows, *event); text is already codes, and NaN a missing cell.
        names: Of the features, in flat order.
        whole: Per feature, whether it was stored as whole numbers.
        categories: Names of the codes, by flat index, of features that were text.
        is_table: Whether columns have a meaning each, so that one says nothing about another.
        pixel_levels: Grey levels, where the source's format fixes them.
        test: Held-out rows that came apart.
        place: Row index to the words that lead a user to it.
        test_place: The same of a held-out row.
        notes: Sentences worth showing, none of them an error.
    """

    source: str
    default_name: str
    x: np.ndarray
    names: tuple[str, ...]
    whole: np.ndarray
    categories: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    is_table: bool = False
    pixel_levels: int | None = None
    test: np.ndarray | None = None
    place: Callable[[int], str] = lambda row: f"row {row + 1}"
    test_place: Callable[[int], str] = lambda row: f"test row {row + 1}"
    notes: tuple[str, ...] = ()

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return self.x.shape[1:]

    @property
    def is_image(self) -> bool:
        """Whether a row is a grid, whose cells are all of one kind."""
        return self.x.ndim > 2

    @property
    def word(self) -> str:
        """What a feature is called in a message."""
        return "column" if len(self.event_shape) == 1 else "feature"

    def parts(self) -> Iterator[tuple[np.ndarray, Callable[[int], str]]]:
        """The rows and, where there are some, the held-out rows, each flat and with its places."""
        yield self.x.reshape(self.x.shape[0], -1), self.place
        if self.test is not None:
            yield self.test.reshape(self.test.shape[0], -1), self.test_place

    def cell(self, place: str, feature: int) -> str:
        """The words that lead a user to a cell."""
        return f"{self.source}, {place}, {self.word} {self.names[feature]!r}"


def row_blocks(x: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The rows in blocks of a few million elements, each with the index of its first row."""
    step = max(1, _BLOCK_ELEMENTS // max(1, prod(x.shape[1:])))
    for start in range(0, x.shape[0], step):
        yield start, x[start : start + step]


def is_missing(x: np.ndarray) -> np.ndarray:
    """Which cells are missing: those that hold NaN, as none but a floating point type can."""
    if np.issubdtype(x.dtype, np.floating):
        missing: np.ndarray = np.isnan(x)
        return missing
    return np.broadcast_to(np.False_, x.shape)


def first_cell(
    x: np.ndarray, is_wrong: Callable[[np.ndarray], np.ndarray]
) -> tuple[int, int] | None:
    """Row and column of the first wrong cell of a flat array, or None; no missing one is wrong."""
    for start, block in row_blocks(x):
        wrong = is_wrong(block) & ~is_missing(block)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            return start + int(row), int(column)
    return None


def cell_names(event_shape: tuple[int, ...]) -> tuple[str, ...]:
    """`x[0]`, `x[1]` ... or for a grid `x[0,0]`, `x[0,1]` ..."""
    return tuple(f"x[{','.join(map(str, index))}]" for index in np.ndindex(event_shape))


def check_rows(source: str, rows: int, word: str = "rows") -> None:
    """Refuses too few rows.

    Raises:
        DataError: fewer than MIN_ROWS.
    """
    if rows < MIN_ROWS:
        raise DataError(f"{source} has {rows} {word}; at least {MIN_ROWS} are needed.")


def check_size(source: str, x: np.ndarray) -> None:
    """Refuses what is too small or too wide to train on.

    Raises:
        DataError: too few rows, no features, or too many of them.
    """
    check_rows(source, x.shape[0])
    features = prod(x.shape[1:])
    if not 1 <= features <= MAX_FEATURES:
        raise DataError(
            f"{source} has {features:,} numbers in a row; from 1 to {MAX_FEATURES:,} are needed."
        )


def check_columns(flag: str, wanted: Iterable[str], source: str, names: Sequence[str]) -> None:
    """Refuses a column that is not there, with those that are spelled alike.

    Raises:
        DataError: the column.
    """
    for name in wanted:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or names[:8]
            raise DataError(
                f"{flag} names column {name!r}, which {source} does not have; "
                f"needed one like {', '.join(map(repr, close))}."
            )


def without_columns(reading: Reading, config: TrainingConfig) -> Reading:
    """The reading without the ignored columns of an array or a built-in set.

    Raises:
        DataError: `--ignore` or `--kind` where there are no columns, or a column that is not there.
    """
    if reading.is_image and (config.ignore or config.kind):
        raise DataError(
            f"--ignore and --kind name columns; the rows of {reading.source} are grids of shape "
            f"{reading.event_shape}, and a table is needed."
        )
    check_columns("--ignore", config.ignore, reading.source, reading.names)
    if not config.ignore:
        return reading
    kept = [i for i, name in enumerate(reading.names) if name not in config.ignore]
    x = reading.x[:, kept]
    check_size(reading.source, x)
    test = None if reading.test is None else reading.test[:, kept]
    names = tuple(reading.names[i] for i in kept)
    return replace(reading, x=x, names=names, whole=reading.whole[kept], test=test)


def check_finite(reading: Reading) -> None:
    """Refuses the first infinite cell.

    Raises:
        DataError: the cell.
    """
    for x, place in reading.parts():
        found = first_cell(x, np.isinf) if np.issubdtype(x.dtype, np.floating) else None
        if found is not None:
            row, column = found
            raise DataError(
                f"{reading.cell(place(row), column)}: {x[row, column]:g} came; "
                f"a finite number is needed."
            )


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Says whose turn it is when a file is no CSV or the operating system will not have it.

    Raises:
        DataError: it is no CSV.
        DataUnavailableError: it would not hand the file over.
    """
    try:
        yield
    except CsvError as error:
        raise DataError(str(error)) from None
    except OSError as error:
        reason = error.strerror or "input/output error"
        raise DataUnavailableError(f"{name} cannot be read: {reason}.") from None


def model_name(path: Path) -> str:
    """A name the store accepts, from that of a file or folder."""
    stem = re.sub(r"(?i)(\.(csv|tsv|parquet|npy|npz))?(\.gz)?$", "", path.resolve().name)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("._-")[:64] or "model"
