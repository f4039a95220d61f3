"""Kinds as the user wants them, values checked against them, and the schema's features."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model_store.schema import Feature, Kind
from training.config import LikelihoodName, TrainingConfig
from training.data.kinds import Facts, grey_levels
from training.data.reading import Reading, check_columns, first_cell
from training.errors import DataError

LIKELIHOODS: Mapping[Kind, tuple[LikelihoodName, ...]] = {
    "real": ("gaussian", "laplace", "student_t", "continuous_bernoulli"),
    "unit_interval": ("continuous_bernoulli", "gaussian"),
    "binary": ("bernoulli",),
    "ordinal": ("discretized_logistic", "categorical", "continuous_bernoulli"),
    "pixel": ("discretized_logistic", "categorical", "continuous_bernoulli"),
    "categorical": ("categorical",),
    "count": ("negative_binomial", "poisson"),
}
"""What each kind may be given; the first is its default."""

MAX_LEVELS = 4_096

_FORCED_KIND: Mapping[LikelihoodName, Kind] = {
    "gaussian": "real",
    "laplace": "real",
    "student_t": "real",
    "continuous_bernoulli": "unit_interval",
    "bernoulli": "binary",
    "discretized_logistic": "ordinal",
    "categorical": "categorical",
    "poisson": "count",
    "negative_binomial": "count",
}


@dataclass(frozen=True)
class _Rule:
    """Values a kind cannot take, and what it needs instead."""

    is_wrong: Callable[[np.ndarray], np.ndarray]
    needed: str


_LEVELS_RULE = _Rule(
    lambda x: (x < 0) | (x >= MAX_LEVELS) | (x != np.floor(x)), "a whole number from 0 to 65,535"
)
_RULES: Mapping[Kind, _Rule] = {
    "unit_interval": _Rule(lambda x: (x < 0) | (x > 1), "a number from 0 to 1"),
    "binary": _Rule(lambda x: (x != 0) & (x != 1), "0 or 1"),
    "ordinal": _LEVELS_RULE,
    "pixel": _LEVELS_RULE,
    "categorical": _LEVELS_RULE,
    "count": _Rule(lambda x: (x < 0) | (x != np.floor(x)), "a whole number of at least 0"),
}


def decide_kinds(
    reading: Reading, inferred: Sequence[Kind], facts: Sequence[Facts], config: TrainingConfig
) -> tuple[Kind, ...]:
    """The inferred kinds, where neither `--likelihood` nor `--kind` says otherwise.

    Raises:
        DataError: `--kind` names no column, or asks for what text or the likelihood cannot be.
    """
    check_columns("--kind", config.kind, reading.source, reading.names)
    kinds = list(inferred)
    if config.likelihood == "continuous_bernoulli":
        interval = _kind_of_interval(facts)
        kinds = [interval if kind in ("real", "count") else kind for kind in kinds]
    if config.likelihood is not None:
        kinds = [_forced(kind, config.likelihood) for kind in kinds]
    for name, kind in config.kind.items():
        kinds[reading.names.index(name)] = kind
        if config.likelihood not in (None, *LIKELIHOODS[kind]):
            raise DataError(
                f"--kind {name}={kind} needs --likelihood {LIKELIHOODS[kind][0]}; "
                f"{config.likelihood} was given for all."
            )
    for i, categories in reading.categories.items():
        if kinds[i] != "categorical":
            raise DataError(
                f"{reading.source}, column {reading.names[i]!r} holds text such as "
                f"{categories[0]!r}; kind {kinds[i]} needs numbers, or --ignore {reading.names[i]}."
            )
    return tuple(kinds)


def check_values(reading: Reading, kinds: Sequence[Kind], config: TrainingConfig) -> None:
    """Refuses the first value outside its feature's support.

    Raises:
        DataError: the cell, its value and what its kind needs.
    """
    hint = ""
    if config.likelihood == "bernoulli":
        hint = ", or --binarize dynamic, static or threshold for grey values"
    for x, place in reading.parts():
        for kind in sorted(set(kinds) & set(_RULES)):
            columns = [i for i, k in enumerate(kinds) if k == kind]
            found = first_cell(
                x if len(columns) == len(kinds) else x[:, columns], _RULES[kind].is_wrong
            )
            if found is not None:
                row, column = found[0], columns[found[1]]
                raise DataError(
                    f"{reading.cell(place(row), column)}: {x[row, column]:.12g} came; "
                    f"kind {kind} needs {_RULES[kind].needed}{hint}."
                )


def make_features(
    reading: Reading, kinds: Sequence[Kind], facts: Sequence[Facts], config: TrainingConfig
) -> tuple[Feature, ...]:
    """The schema's features, with the levels and categories that checked values need."""
    levels = _levels(reading, kinds, facts, config)
    return tuple(
        Feature(
            name=name,
            kind=kind,
            likelihood=config.likelihood or LIKELIHOODS[kind][0],
            levels=levels[i] if kind in ("ordinal", "pixel") else None,
            categories=_categories(reading, i, facts[i]) if kind == "categorical" else None,
        )
        for i, (name, kind) in enumerate(zip(reading.names, kinds, strict=True))
    )


def _kind_of_interval(facts: Sequence[Facts]) -> Kind:
    """Of features between two ends, which they share as all features of a forced law do."""
    unit = min(f.low for f in facts) >= 0 and max(f.high for f in facts) <= 1
    return "unit_interval" if unit else "real"


def _forced(kind: Kind, likelihood: LikelihoodName) -> Kind:
    """The kind itself where the likelihood is one of its own."""
    return kind if likelihood in LIKELIHOODS[kind] else _FORCED_KIND[likelihood]


def _levels(
    reading: Reading, kinds: Sequence[Kind], facts: Sequence[Facts], config: TrainingConfig
) -> list[int]:
    """Levels of each feature, were it ordinal or a pixel.

    Pixels share a scale, and so do all the cells of an array or of a forced likelihood; otherwise
    a table's columns have scales of their own.
    """
    scales = [f.high for f, k in zip(facts, kinds, strict=True) if k in ("ordinal", "pixel")]
    shared = max(scales, default=0.0)
    pixel = reading.pixel_levels or grey_levels(shared)
    if reading.is_table and config.likelihood is None:
        return [
            max(2, int(f.high) + 1) if k == "ordinal" else pixel
            for f, k in zip(facts, kinds, strict=True)
        ]
    return [pixel if k == "pixel" else max(2, int(shared) + 1) for k in kinds]


def _categories(reading: Reading, feature: int, facts: Facts) -> tuple[str, ...]:
    """Names of the codes; those of an array are its own values."""
    if feature in reading.categories:
        return reading.categories[feature]
    return tuple(map(str, range(int(facts.high) + 1)))
