"""Rows of a file, a block at a time: what every kind of file is read as."""

import csv
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

from torch import Tensor

# Of a block. Larger ones gain nothing, and all that is held at once are a few blocks.
_MOST_ROWS = 2048
_MOST_NUMBERS = 2**20


class Position(NamedTuple):
    """Where a block ends and the next begins.

    Args:
        at: Bytes or rows before it, as the source counts.
        line: Lines or rows before it, as people count.
    """

    at: int
    line: int


@dataclass(frozen=True, eq=False)
class Block(ABC):
    """Some rows of a file, in its order.

    Args:
        inputs: In data units, NaN where a value is missing, (rows, *event) and float64.
        faults: What is wrong with rows that hold what is no number and no category, by their place.
        end: Where they end.
        share: The share of the file up to there.
    """

    inputs: Tensor
    faults: Mapping[int, str]
    end: Position
    share: float

    @abstractmethod
    def lines(self) -> Sequence[str]:
        """The rows as text, each without the end of its line."""

    @abstractmethod
    def columns(self) -> Mapping[str, Any]:
        """The rows column by column: arrays, or lists of text."""


@dataclass(frozen=True)
class Layout:
    """How a source writes its rows as text.

    Args:
        header: The names of the columns, as a line.
        separator: What stands between cells.
        line_end: What stands at the end of a line.
        mark: The byte order mark, if there is one.
    """

    header: str
    separator: str = ","
    line_end: str = "\r\n"
    mark: str = ""


class Source(ABC):
    """A file of rows.

    Attributes:
        names: Of the columns that an answer repeats.
        layout: How they are written as text.
    """

    names: tuple[str, ...]
    layout: Layout

    @abstractmethod
    def blocks(self, start: Position | None) -> Iterator[Block]:
        """The rows from there on, or from the first.

        Raises:
            RefusedError: what comes is no row.
            UnavailableError: the file cannot be read.
        """


def rows_of_a_block(features: int) -> int:
    """How many rows of so many features are read at once."""
    return max(1, min(_MOST_ROWS, _MOST_NUMBERS // features))


def written(rows: Iterable[Iterable[Any]], separator: str = ",") -> list[str]:
    """Rows as lines of CSV, without the ends of lines."""
    lines: list[str] = []
    writer = csv.writer(SimpleNamespace(write=lines.append), delimiter=separator, lineterminator="")
    writer.writerows(rows)
    return lines
