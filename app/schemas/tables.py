"""An answer as a table: one line a row, what the answer says of all rows at once left out."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from app.errors import NotAcceptableError
from app.schemas.tensors import EVENT, Axes, Reply
from app.wire import csv, returned_csv
from app.wire.columns import Column
from app.wire.csv import Cells
from app.wire.undefined import array_of, marks_of

# Fields whose values are those of the features themselves, so that categories have names.
_VALUES = ("outputs", "samples")


class ColumnsReply(Reply):
    """An answer that says how it is a table: beside the rows it is about, if these came as one."""

    @property
    @abstractmethod
    def num_rows(self) -> int:
        """How many rows it is about."""

    @abstractmethod
    def columns(self) -> Mapping[str, Cells]:
        """Its columns by name, each of a cell for every row."""


def encode(reply: Reply, columns: Mapping[str, Column], came: bytes | None = None) -> bytes:
    """The answer of a model of tables as CSV.

    `outputs` stand under the features' names, numbers of latents and samples under `loc[0]`.

    Args:
        reply: The answer.
        columns: The features by name.
        came: The table that is answered, if it was one.

    Raises:
        NotAcceptableError: the answer has no rows.
        OutOfRangeError: a number is not finite in a field where that does not mean undefined.
        TooManySamplesError: it has more columns than a table can have.
    """
    if not isinstance(reply, ColumnsReply):
        return _field_by_field(reply, columns)
    if came is not None:
        return returned_csv.encode(came, columns, reply.columns())
    return csv.encode(reply.columns(), reply.num_rows)


def _field_by_field(reply: Reply, columns: Mapping[str, Column]) -> bytes:
    writer = _Writer(type(reply), tuple(columns.values()))
    cells: dict[str, Cells] = {}
    rows = None
    for name, value in reply.__dict__.items():
        axes = _axes_of(type(reply), name)
        if isinstance(value, Tensor):
            rows = len(value)
            for label, column in writer.columns(name, value, axes):
                # A feature may have the name of a field.
                cells[f"{name}.{label}" if label in cells else label] = column
        elif isinstance(value, dict):
            cells |= dict(writer.parts(name, value))
        elif value is None and name in reply.model_fields_set and axes == ("rows",):
            cells[name] = Cells(None)
    if rows is None:
        raise NotAcceptableError(f"This answer has no rows; it cannot be {csv.MEDIA_TYPE}.")
    return csv.encode(cells, rows)


@dataclass(frozen=True)
class _Writer:
    """Takes tensors apart into named columns.

    Args:
        body: The class of the answer.
        features: The features in flat order.
    """

    body: type[Reply]
    features: Sequence[Column]

    def columns(
        self, name: str, values: Tensor, axes: Sequence[str]
    ) -> Iterator[tuple[str, Cells]]:
        """The columns of a field; its axes beyond those that have a name are counted."""
        array = array_of(self.body, name, values)
        csv.check_width(array[:1].size)
        own = name in _VALUES and EVENT in axes
        bare = own and len(axes) == 2
        for place in np.ndindex(array.shape[1:]):
            feature = None
            label = "" if bare else name
            for index, axis in zip(place, (*axes[1:], *[""] * array.ndim), strict=False):
                if axis == EVENT:
                    feature = self.features[index]
                    label += feature.name if bare else f".{feature.name}"
                else:
                    label += f"[{index}]"
            categories = feature.categories if own and feature else None
            yield label, Cells(array[:, *place], categories)

    def parts(self, name: str, parts: Mapping[str, Any]) -> Iterator[tuple[str, Cells]]:
        """The columns of parameters by name, those of mixed tables by feature first."""
        for key, value in parts.items():
            if isinstance(value, Mapping):
                for parameter, values in value.items():
                    yield from self.columns(f"{name}.{key}.{parameter}", values, ("rows",))
            else:
                yield from self.columns(f"{name}.{key}", value, ("rows", EVENT))


def _axes_of(body: type[Reply], field: str) -> Sequence[str]:
    marks = marks_of(body.model_fields[field])
    return next((mark.names for mark in marks if isinstance(mark, Axes)), ())
