"""Missing cells: counted, kept where their row says something, refused where nothing is left."""

from collections.abc import Callable
from dataclasses import replace
from math import prod

import numpy as np

from training.data.reading import Reading, check_rows, is_missing, row_blocks
from training.errors import DataError


def count_missing(x: np.ndarray) -> np.ndarray:
    """Missing cells of each feature, in flat order; x has shape (rows, *event)."""
    missing = np.zeros(prod(x.shape[1:]), dtype=np.int64)
    if np.issubdtype(x.dtype, np.floating):
        for _, block in row_blocks(x):
            missing += is_missing(block).sum(axis=0).reshape(-1)
    return missing


def check_observed(reading: Reading) -> None:
    """Refuses the first feature that no row holds a value of.

    Raises:
        DataError: the feature.
    """
    nowhere = count_missing(reading.x) == reading.x.shape[0]
    if nowhere.any():
        name = reading.names[int(nowhere.argmax())]
        raise DataError(
            f"{reading.source}, {reading.word} {name!r} has no value in any row; "
            f"one is needed{or_ignore(name, reading.event_shape)}."
        )


def or_ignore(name: str, event_shape: tuple[int, ...]) -> str:
    """The words that offer to leave a feature out, where it is a column."""
    return f", or --ignore {name}" if len(event_shape) == 1 else ""


def without_empty_rows(reading: Reading) -> Reading:
    """The reading without the rows, held-out ones included, that hold no value at all.

    They say nothing about any feature; spreadsheets leave such rows behind the last of a table.

    Raises:
        DataError: too few rows are left.
    """
    kept = _rows_with_values(reading.x)
    dropped = reading.x.shape[0] - len(kept)
    if dropped:
        check_rows(reading.source, len(kept), "rows with a value")
        reading = replace(reading, x=reading.x[kept], place=_moved(reading.place, kept))
    if reading.test is not None:
        kept = _rows_with_values(reading.test)
        if not len(kept):
            raise DataError(f"{reading.source} has no test row with a value; one is needed.")
        if held_out := reading.test.shape[0] - len(kept):
            dropped += held_out
            places = _moved(reading.test_place, kept)
            reading = replace(reading, test=reading.test[kept], test_place=places)
    if not dropped:
        return reading
    rows = "1 row" if dropped == 1 else f"{dropped:,} rows"
    note = f"{reading.source}: {rows} without any value left out."
    return replace(reading, notes=(*reading.notes, note))


def _rows_with_values(x: np.ndarray) -> np.ndarray:
    """Indices of the rows that hold a value."""
    if not np.issubdtype(x.dtype, np.floating):
        return np.arange(x.shape[0])
    flat = x.reshape(x.shape[0], -1)
    return np.concatenate(
        [
            start + np.flatnonzero(~is_missing(block).all(axis=1))
            for start, block in row_blocks(flat)
        ]
    )


def _moved(place: Callable[[int], str], kept: np.ndarray) -> Callable[[int], str]:
    """The places of the rows that are kept."""
    return lambda row: place(int(kept[row]))
