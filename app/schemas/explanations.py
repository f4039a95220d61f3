"""Why a row is unusual: its features by name, what they are and what they were expected to be."""

from collections.abc import Sequence
from math import isfinite
from typing import NotRequired

from torch import Tensor
from typing_extensions import TypedDict

from model_store.detection import Explanation
from model_store.schema import Feature
from model_store.vae.estimators.conditionals import NO_FEATURE

Value = float | str | None


class FeatureExplanation(TypedDict):
    """What one feature of a row adds to its elbo score, and what it was expected to be."""

    feature: str
    contribution_nats: float
    """Beyond what the feature adds in typical rows."""
    value: Value
    """What came: of categories the name."""
    expected: Value
    """Its mean given all other features of the row, or the most probable category."""
    standard_deviation: float | None
    """How far from that it may lie; null where there is none, as of categories."""
    probability: NotRequired[float | None]
    """Of the category that came, given all other features."""
    expected_probability: NotRequired[float | None]
    """Of the category that was expected."""


def explanations_of(
    features: Sequence[Feature], explanation: Explanation
) -> list[list[FeatureExplanation]]:
    """The named features of each row; of a row with gaps there may be fewer than were asked for."""
    likely = explanation.conditionals
    columns = (
        explanation.contributions,
        explanation.values,
        likely.expected,
        likely.standard_deviation,
        likely.probability,
        likely.highest_probability,
    )
    per_row = zip(explanation.features.tolist(), *map(_numbers, columns), strict=True)
    return [
        [
            _of_feature(features[j], numbers)
            for j, *numbers in zip(*row, strict=True)
            if j != NO_FEATURE
        ]
        for row in per_row
    ]


def _of_feature(feature: Feature, numbers: Sequence[float | None]) -> FeatureExplanation:
    contribution, value, expected, deviation, probability, highest = numbers
    explained = FeatureExplanation(
        feature=feature.name,
        contribution_nats=contribution or 0.0,
        value=_shown(feature, value),
        expected=_shown(feature, expected),
        standard_deviation=deviation,
    )
    if highest is not None:
        explained |= {"probability": probability, "expected_probability": highest}
    return explained


def _shown(feature: Feature, value: float | None) -> Value:
    """As people write it: categories by name."""
    if value is None or feature.categories is None:
        return value
    return feature.categories[int(value)]


def _numbers(values: Tensor) -> list[list[float | None]]:
    """The numbers, None for those that are none."""
    rows: list[list[float]] = values.tolist()
    return [[value if isfinite(value) else None for value in row] for row in rows]
