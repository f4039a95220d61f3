"""From features to the schema's likelihood: a plain one where they agree, else one per column."""

import math
from collections.abc import Callable, Sequence
from typing import TypedDict

from model_store import schema
from model_store.schema import Feature
from training.config import TrainingConfig
from training.errors import DataError

SHARED_FLOOR = math.exp(-10)
"""No one feature can pull a shared scale to zero, and small ones need it far below the largest."""


_HAVE_A_SCALE = {"discretized_logistic", "laplace", "student_t"}


_HAVE_A_FLOOR = {"gaussian", "laplace", "student_t"}


class _OwnScale(TypedDict, total=False):
    scale: schema.OwnScale


class _Floor(TypedDict, total=False):
    floor: float


def choose_likelihood(features: Sequence[Feature], config: TrainingConfig) -> schema.Likelihood:
    """The likelihood of rows with these features.

    `--scale` is that of the Gaussian features; where there are none, of the others that have one.

    Raises:
        DataError: `--scale` or `--scale-floor` was given and no feature has such a scale.
    """
    columns: dict[str, list[int]] = {}
    for i, feature in enumerate(features):
        columns.setdefault(feature.likelihood, []).append(i)
    parts = [
        schema.MixedPart(
            columns=tuple(indices),
            likelihood=_plain(
                name, tuple(_num_codes(features[i]) for i in indices), columns, config
            ),
        )
        for name, indices in columns.items()
    ]
    return parts[0].likelihood if len(parts) == 1 else schema.Mixed(parts=tuple(parts))


def _plain(
    name: str, sizes: tuple[int, ...], columns: dict[str, list[int]], config: TrainingConfig
) -> schema.PlainLikelihood:
    """The likelihood of this name, for features of these sizes."""
    scale, floor = _own_scale(columns, config), _floor(columns, config)
    choices: dict[str, Callable[[], schema.PlainLikelihood]] = {
        "bernoulli": schema.Bernoulli,
        "categorical": lambda: schema.Categorical(cardinalities=sizes),
        "continuous_bernoulli": schema.ContinuousBernoulli,
        "discretized_logistic": lambda: schema.DiscretizedLogistic(levels=sizes, **scale),
        "gaussian": lambda: _gaussian(config, floor),
        "laplace": lambda: schema.Laplace(**scale, **floor),
        "negative_binomial": lambda: schema.NegativeBinomial(zero_inflation=config.zero_inflation),
        "poisson": schema.Poisson,
        "student_t": lambda: schema.StudentT(**scale, **floor),
    }
    return choices[name]()


def _gaussian(config: TrainingConfig, floor: _Floor) -> schema.Gaussian:
    if config.scale == "shared":
        return schema.Gaussian(scale="shared", floor=floor.get("floor", SHARED_FLOOR))
    return schema.Gaussian(scale=config.scale or "per_feature", **floor)


def _floor(columns: dict[str, list[int]], config: TrainingConfig) -> _Floor:
    """The floor asked for; empty for that of the law."""
    if config.scale_floor is None:
        return {}
    if not _HAVE_A_FLOOR.isdisjoint(columns):
        return {"floor": config.scale_floor}
    raise DataError(
        f"--scale-floor {config.scale_floor:g} was given and no feature has such a scale; "
        f"features with --likelihood gaussian, laplace or student_t are needed."
    )


def _num_codes(feature: Feature) -> int:
    """How many values a feature has; 0 where they are not codes."""
    return len(feature.categories) if feature.categories is not None else feature.levels or 0


def _own_scale(columns: dict[str, list[int]], config: TrainingConfig) -> _OwnScale:
    """The scale asked for, as a law that is not Gaussian takes it; empty for its own default."""
    if config.scale is None or "gaussian" in columns:
        return {}
    if not _HAVE_A_SCALE.isdisjoint(columns) and config.scale in ("per_feature", "predicted"):
        return {"scale": config.scale}
    raise DataError(
        f"--scale {config.scale} was given and no feature has such a scale; "
        f"features with --likelihood gaussian are needed."
    )
