"""Dataset: rows in data units, what each feature is, and nothing about how they will be used."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from model_store.schema import Feature
from training.config import Binarize
from training.data.gaps import count_missing


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows that were read, checked and understood.

    Args:
        source: The file's or folder's name without its path, or that of the built-in set.
        default_name: The model's name where none is given.
        x: Rows in data units, shape (rows, *event_shape), every value in its feature's support;
            codes for categories, NaN for a missing cell. Of the dtype they came in where that
            loses nothing: uint8 images stay uint8. With `binarize` "dynamic": grey values from 0
            to 1.
        features: In flat order.
        test: Held-out rows that came apart from the rest, or None; like x.
        binarize: How grey values became, or with "dynamic" will become, 0 and 1.
        notes: Sentences to show the user, none of them an error.
        place: Row index to the words that lead a user to it.
    """

    source: str
    default_name: str
    x: np.ndarray
    features: tuple[Feature, ...]
    test: np.ndarray | None = None
    binarize: Binarize = "none"
    notes: tuple[str, ...] = ()
    place: Callable[[int], str] = lambda row: f"row {row + 1}"

    def parts(self) -> Iterator[tuple[np.ndarray, Callable[[int], str]]]:
        """The rows and, where there are some, the held-out rows, each flat and with its places."""
        yield self.x.reshape(self.x.shape[0], -1), self.place
        if self.test is not None:
            yield self.test.reshape(self.test.shape[0], -1), lambda row: f"test {self.place(row)}"

    @property
    def num_rows(self) -> int:
        """Rows, held-out ones included."""
        return len(self.x) + (0 if self.test is None else len(self.test))

    def missing_cells(self) -> np.ndarray:
        """Missing cells of each feature, in flat order, held-out rows included."""
        missing = count_missing(self.x)
        return missing if self.test is None else missing + count_missing(self.test)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return self.x.shape[1:]
