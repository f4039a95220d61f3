"""A table's columns side by side: Parquet files, and what CSV files share with them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from training.config import TrainingConfig
from training.data.columns import ColumnReader, wanted_kind
from training.data.reading import Reading, check_columns, check_rows, model_name, readable
from training.errors import DataError

MAX_NAME_LENGTH = 256

_COLUMNS_SHOWN = 3  # in a note


def read_parquet(path: Path, config: TrainingConfig) -> Reading:
    """The columns of a Parquet file.

    Raises:
        DataError: no Parquet file, or a column that cannot be learnt from.
        DataUnavailableError: the file cannot be read.
    """
    try:
        with readable(path.name):
            # Neither the file's name nor its folders mean anything here but themselves.
            table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            kept = kept_columns(path.name, table.collect_schema().names(), config)
            frame = table.select(kept).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        raise DataError(
            f"{path.name} is empty, damaged or no Parquet file; one is needed."
        ) from None
    return table_reading(path, frame, lambda row: f"row {row + 1}", config)


def kept_columns(source: str, names: Sequence[str], config: TrainingConfig) -> list[str]:
    """The columns that are not ignored.

    Raises:
        DataError: an ignored column that is not there, none that is kept, or a name too long.
    """
    check_columns("--ignore", config.ignore, source, names)
    kept = [name for name in names if name not in config.ignore]
    if not kept:
        raise DataError(f"{source} has no column that is not ignored; at least one is needed.")
    for name in kept:
        if not 1 <= len(name) <= MAX_NAME_LENGTH:
            raise DataError(
                f"{source} has a column whose name has {len(name)} characters; "
                f"from 1 to {MAX_NAME_LENGTH} are needed."
            )
    return kept


def table_reading(
    path: Path, frame: pl.DataFrame, place: Callable[[int], str], config: TrainingConfig
) -> Reading:
    """Every column read and laid beside the others.

    Raises:
        DataError: too few rows, or a column that cannot be learnt from.
    """
    check_rows(path.name, frame.height)
    columns = [
        ColumnReader(path.name, cells.name, place, wanted_kind(cells.name, config)).read(cells)
        for cells in frame
    ]
    return Reading(
        source=path.name,
        default_name=model_name(path),
        x=np.column_stack([column.values for column in columns]),
        names=tuple(frame.columns),
        whole=np.array([column.whole for column in columns]),
        categories={i: c.categories for i, c in enumerate(columns) if c.categories is not None},
        is_table=True,
        place=place,
        notes=(
            *_notes(path.name, frame.columns, [c.gap_words for c in columns], "read as missing"),
            *_notes(path.name, frame.columns, [c.kept_words for c in columns], "kept as a name"),
        ),
    )


def _notes(
    source: str, names: Sequence[str], words: Sequence[Mapping[str, int]], what: str
) -> Iterator[str]:
    """A sentence for each word: in how many cells of which columns it stood, and what it became."""
    for word in sorted(set().union(*words)):
        where = [repr(name) for name, counts in zip(names, words, strict=True) if word in counts]
        count = sum(counts.get(word, 0) for counts in words)
        cells = "1 cell" if count == 1 else f"{count:,} cells"
        more = len(where) - _COLUMNS_SHOWN
        columns = ", ".join(where[:_COLUMNS_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
        yield f"{source}: {cells} {word!r} {what}, in column {columns}."
