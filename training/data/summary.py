"""What was understood of every feature, in words to show before training starts."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from model_store.schema import Feature, Kind, Transform
from training.data.dataset import Dataset

MAX_LINES = 40
"""With more features, neighbours of one kind share a line."""


@dataclass(frozen=True)
class FeatureSummary:
    """One line of the table.

    Args:
        name: The feature's name, or "first … last" of several.
        count: How many features it speaks of.
        kind: Their kind.
        likelihood: Their likelihood's name.
        values: Their categories or range.
        missing: How many of their cells are missing, held-out rows included.
        transform: How they get to model units, once that is chosen.
    """

    name: str
    count: int
    kind: Kind
    likelihood: str
    values: str
    missing: int = 0
    transform: Transform = "none"


def summarise_features(dataset: Dataset) -> list[FeatureSummary]:
    """The features in flat order, one a line where there is room."""
    x = dataset.x.reshape(dataset.x.shape[0], -1)
    low, high = np.fmin.reduce(x).tolist(), np.fmax.reduce(x).tolist()
    missing = dataset.missing_cells()
    return [
        FeatureSummary(
            name=_names([dataset.features[i].name for i in group]),
            count=len(group),
            kind=dataset.features[group[0]].kind,
            likelihood=dataset.features[group[0]].likelihood,
            values=_values(
                dataset.features[group[0]], min(low[i] for i in group), max(high[i] for i in group)
            ),
            missing=int(missing[group].sum()),
            transform=dataset.features[group[0]].transform,
        )
        for group in _groups(dataset.features)
    ]


def _groups(features: tuple[Feature, ...]) -> Iterator[list[int]]:
    if len(features) <= MAX_LINES:
        yield from ([i] for i in range(len(features)))
        return
    for _, group in groupby(
        range(len(features)),
        key=lambda i: (
            features[i].kind,
            features[i].transform,
            features[i].levels,
            features[i].categories,
        ),
    ):
        yield list(group)


def _names(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"


def _values(feature: Feature, low: float, high: float) -> str:
    if feature.categories is not None:
        return _shortened(feature.categories)
    if feature.levels is not None:
        return f"{feature.levels} levels, 0 … {feature.levels - 1}"
    return f"{low:.6g} … {high:.6g}"


def _shortened(categories: tuple[str, ...]) -> str:
    shown = ", ".join(categories[:4])
    return f"{len(categories)}: {shown}{', …' if len(categories) > 4 else ''}"
