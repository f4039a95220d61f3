"""Where a logarithm cannot be: values that have none, held-out rows included."""

from collections.abc import Sequence

import numpy as np

from model_store.schema import LOGARITHMIC, Feature
from training.data.dataset import Dataset
from training.data.reading import first_cell
from training.errors import DataError


def within_domains(
    dataset: Dataset, features: Sequence[Feature], offset: np.ndarray, asked: Sequence[bool]
) -> tuple[tuple[Feature, ...], tuple[str, ...]]:
    """The features, standardised where a logarithm was chosen that some value does not have.

    Training rows chose it and have it. One held-out value without it would be a row of no density,
    which is no reason to have no model.

    Args:
        dataset: All rows.
        features: In flat order, with their transforms.
        offset: Per feature, what is added before the logarithm is taken; set to 0 where none is.
        asked: Per feature, whether its transform was asked for.

    Returns:
        The features, and a sentence for each that was changed.

    Raises:
        DataError: a logarithm was asked for that a value does not have.
    """
    within, notes = list(features), []
    for i, feature in enumerate(features):
        if feature.transform not in LOGARITHMIC:
            continue
        edge = 0 - float(offset[i])
        came = _first_below(dataset, i, edge)
        if came is None:
            continue
        if asked[i]:
            flag = f"--transform {feature.name}={feature.transform}"
            raise DataError(f"{came}; {flag} needs a number above {edge:g}.")
        within[i] = feature.model_copy(update={"transform": "standardise"})
        offset[i] = 0.0
        notes.append(
            f"{came}; the training rows, all above {edge:g}, were better taken by their "
            f"logarithm, but {feature.name!r} is standardised."
        )
    return tuple(within), tuple(notes)


def _first_below(dataset: Dataset, column: int, edge: float) -> str | None:
    """The first value of a column that is not above the edge, with its place; None if all are."""
    name = dataset.features[column].name
    for x, place in dataset.parts():
        found = first_cell(x[:, [column]], lambda block: block <= edge)
        if found is not None:
            value = f"{x[found[0], column]:.12g}"
            return f"{dataset.source}, {place(found[0])}, column {name!r}: {value} came"
    return None
