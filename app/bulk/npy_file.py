"""NPY files, mapped into memory a block of rows at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.bulk.blocks import Block, Layout, Position, Source, rows_of_a_block, written
from app.bulk.errors import RefusedError, told

_ROW = "row"


@dataclass(frozen=True, eq=False)
class NpyBlock(Block):
    """Rows of an array, of which an answer repeats the numbers.

    Args:
        numbers: From 0, as arrays count.
    """

    numbers: np.ndarray

    def lines(self) -> Sequence[str]:
        """The numbers of the rows."""
        return written([number] for number in self.numbers)

    def columns(self) -> Mapping[str, Any]:
        """The numbers of the rows."""
        return {_ROW: self.numbers}


class NpySource(Source):
    """An array of numbers, (rows, *event).

    Args:
        path: The file.
        event_shape: Of one row.

    Raises:
        RefusedError: it is no such file, or its rows have another shape.
        UnavailableError: it cannot be read.
    """

    names = (_ROW,)
    layout = Layout(_ROW)

    def __init__(self, path: Path, event_shape: tuple[int, ...]) -> None:
        self._path = path
        self._rows = rows_of_a_block(int(np.prod(event_shape)))
        array = self._mapped()
        if array.dtype.kind not in "biuf":
            raise RefusedError(f"{path.name} holds {array.dtype}; numbers are needed.")
        if array.shape[1:] != event_shape or array.ndim == 0:
            needed = ", ".join(map(str, event_shape))
            raise RefusedError(f"{path.name} has shape {array.shape}; (rows, {needed}) is needed.")

    def blocks(self, start: Position | None) -> Iterator[Block]:
        """The rows from there on, or from the first."""
        at, rows = start.at if start else 0, len(self._mapped())
        while at < rows:
            end = min(at + self._rows, rows)
            # Mapped anew: what a map has been read of stays in memory with it.
            inputs = torch.from_numpy(self._mapped()[at:end].astype(np.float64))
            numbers = np.arange(at, end)
            yield NpyBlock(inputs, {}, Position(end, end), end / rows, numbers)
            at = end

    def _mapped(self) -> np.ndarray:
        with told(self._path.name, "read"):
            try:
                found = np.load(self._path, mmap_mode="r", allow_pickle=False)
            except (ValueError, EOFError):
                found = None
        if not isinstance(found, np.ndarray):
            raise RefusedError(
                f"{self._path.name} is damaged or no NPY file of numbers; one is needed."
            )
        return found
