"""Cells of a table to numbers, a column at a time; what is none of its column's is said, by row."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import nan

import numpy as np

from app.bulk.errors import RefusedError
from app.wire.columns import Column, shown
from model_store.cell_texts import code_in, number_in

_MOST_NAMES_SHOWN = 6


def check_names(source: str, names: Sequence[str], columns: Mapping[str, Column]) -> None:
    """Nothing, if a table has a column for each feature; it may have others.

    Raises:
        RefusedError: it has not, or a name twice.
    """
    found = set(names)
    missing = [name for name in columns if name not in found]
    if missing:
        few = ", ".join(map(shown, missing[:_MOST_NAMES_SHOWN]))
        more = f" and {len(missing) - _MOST_NAMES_SHOWN} more" * (len(missing) > _MOST_NAMES_SHOWN)
        raise RefusedError(f"{source} has no column {few}{more}; every feature is needed.")
    if len(found) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise RefusedError(f"{source} has column {shown(twice)} twice; it is needed once.")


def read_column(column: Column, cells: Sequence[str], faults: dict[int, str]) -> np.ndarray:
    """The numbers or codes of some cells, NaN for gaps.

    Args:
        column: What they are of.
        cells: Their texts.
        faults: Is told of cells that are nothing of the kind, unless their row has another fault.
    """
    quick = _codes(column.codes, cells) if column.codes is not None else _numbers(cells)
    if quick is not None:
        return quick
    values = np.full(len(cells), nan)
    for row, cell in enumerate(cells):
        value = number_in(cell) if column.codes is None else code_in(cell, column.codes)
        if value is None:
            faults.setdefault(row, fault_of(column, cell))
        else:
            values[row] = value
    return values


def fault_of(column: Column, cell: str) -> str:
    """What is wrong with a cell that its column does not take."""
    return f"feature {shown(column.name)} is {shown(cell)}; needed {column.needed}"


def _numbers(cells: Sequence[str]) -> np.ndarray | None:
    """The numbers, if there is nothing else but empty cells."""
    # Python also reads 1_000.
    if "_" in "".join(cells):
        return None
    try:
        return np.array([float(cell or nan) for cell in cells])
    except ValueError:
        return None


def _codes(codes: Mapping[str, int], cells: Sequence[str]) -> np.ndarray | None:
    """The codes, if there are only names of categories."""
    found = list(map(codes.get, cells))
    return None if None in found else np.array(found, dtype=float)
