"""The columns of a table as people write them: by name, categories by theirs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from app.errors import Refusal, RefusedBodyError
from model_store.schema import Feature

_SHOWN_CHARACTERS = 40
_SHOWN_NAMES = 6


@dataclass(frozen=True)
class Column:
    """One feature of a table.

    Args:
        name: Its name.
        index: Its place in a row.
        categories: The names of the codes 0, 1, ..., if it has any.
    """

    name: str
    index: int
    categories: tuple[str, ...] | None = None

    @cached_property
    def codes(self) -> Mapping[str, int] | None:
        """The categories' codes by name."""
        if self.categories is None:
            return None
        return {category: code for code, category in enumerate(self.categories)}

    @property
    def needed(self) -> str:
        """What it takes, as words."""
        if self.categories is None:
            return "a number"
        if len(self.categories) <= _SHOWN_NAMES:
            return f"one of {_listed(self.categories)}"
        return f"the name of one of its {len(self.categories)} categories"


@dataclass(frozen=True, eq=False)
class Table:
    """What a table must look like for a model.

    Args:
        columns: The columns by name, in the order of a row.
        shape: The axes of a row; a row of a table has one.
        admit: Raises for more rows than the server takes, before there is memory for them.
        passes_others: Whether a table as text may have columns that are no features.
    """

    columns: Mapping[str, Column]
    shape: tuple[int, ...]
    admit: Callable[[int], None]
    passes_others: bool = False

    @property
    def names(self) -> str:
        """The names of the columns, or how many there are."""
        if len(self.columns) <= _SHOWN_NAMES:
            return _listed(self.columns)
        return f"its {len(self.columns)} features"

    def unknown(self, place: str, name: str) -> RefusedBodyError:
        """The refusal of a name that is no column's."""
        return refusal(place, f"names a feature {shown(name)}; this model has {self.names}")


def columns_of(features: Iterable[Feature]) -> Mapping[str, Column]:
    """The features as columns."""
    return {
        feature.name: Column(feature.name, index, feature.categories)
        for index, feature in enumerate(features)
    }


def shown(text: str) -> str:
    """The start of a text in quotes, with nothing in it that cannot be printed."""
    cut = text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
    return repr(cut)


def refusal(place: str, sentence: str) -> RefusedBodyError:
    """What is wrong at a place, which the sentence goes on from."""
    return RefusedBodyError(Refusal(place, f"{place} {sentence}."))


def cell_refusal(place: str, column: Column, came: str) -> RefusedBodyError:
    """What is wrong with the value of a feature in a row."""
    message = f"{place}: feature {shown(column.name)} is {came}; needed {column.needed}."
    return RefusedBodyError(Refusal(place, message))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(shown, names))
