"""The kind of every feature, inferred from its values; `docs/training.md` tells users the rules."""

from dataclasses import dataclass
from itertools import starmap

import numpy as np

from model_store.schema import Kind
from training.data.reading import Reading, is_missing, row_blocks

MAX_ORDINAL_LEVELS = 32
"""Hours, days of a month, marks and 4-bit pixels are scales; ages and years are not."""

MAX_COUNT = 1_000
MAX_MEAN_COUNT = 50
"""Beyond these whole numbers are nearly continuous, and a Gaussian loses little."""


@dataclass(frozen=True)
class Facts:
    """All that is looked at of a feature, so that the order of the rows cannot matter.

    Missing cells are not looked at.

    Args:
        low: Smallest value.
        high: Largest value, held-out rows included.
        mean: Average value.
        whole: Whether its values are whole numbers, and meant to be.
        zero_or_one: Whether it has no other values.
    """

    low: float
    high: float
    mean: float
    whole: bool
    zero_or_one: bool


def facts_of(reading: Reading) -> list[Facts]:
    """The facts of every feature, each with a value in some row, in flat order."""
    (x, _), *held_out = reading.parts()
    low, high, total, observed = x[0], x[0], np.zeros(x.shape[1]), np.zeros(x.shape[1])
    zero_or_one, integral = np.ones((2, x.shape[1]), dtype=bool)
    for _, block in row_blocks(x):
        missing = is_missing(block)
        # fmin and fmax pass over NaN.
        low, high = np.fmin(low, np.fmin.reduce(block)), np.fmax(high, np.fmax.reduce(block))
        total += block.sum(axis=0, dtype=np.float64, where=~missing)
        observed += block.shape[0] - missing.sum(axis=0)
        zero_or_one &= ((block == 0) | (block == 1) | missing).all(axis=0)
        integral &= ((block == np.floor(block)) | missing).all(axis=0)
    for test, _ in held_out:
        high = np.fmax(high, np.fmax.reduce(test))
    # Pictures are often kept as floats even where levels are meant; a column's type is chosen.
    whole = integral if reading.is_image else reading.whole
    columns = (low, high, total / observed, whole, zero_or_one)
    return list(starmap(Facts, zip(*(c.tolist() for c in columns), strict=True)))


def infer_kinds(reading: Reading, facts: list[Facts]) -> list[Kind]:
    """The kind of every feature, in flat order."""
    if reading.is_image:
        return [_kind_of_image(reading, _pooled(facts))] * len(facts)
    if not reading.is_table and reading.whole.all():
        return _kinds_of_integer_array(reading, facts)
    return [
        "categorical" if i in reading.categories else _kind_of_column(f)
        for i, f in enumerate(facts)
    ]


def grey_levels(high: float) -> int:
    """Levels of pixels whose largest value is `high`: few are exact, more are bytes or bits."""
    if high < MAX_ORDINAL_LEVELS:
        return max(2, int(high) + 1)
    return max(256, 1 << int(high).bit_length())


def _kind_of_image(reading: Reading, facts: Facts) -> Kind:
    if reading.pixel_levels is not None:
        return "pixel"
    if facts.zero_or_one:
        return "binary"
    if facts.low < 0 or facts.high > 255:
        return "real"
    if facts.whole:
        return "pixel"
    return "unit_interval" if facts.high <= 1 else "real"


def _kinds_of_integer_array(reading: Reading, facts: list[Facts]) -> list[Kind]:
    """Small integers in one array are one kind of thing, so its columns get the widest found."""
    if reading.x.dtype == np.uint8 and _pooled(facts).high >= MAX_ORDINAL_LEVELS:
        return ["pixel"] * len(facts)
    found = {_kind_of_values(f) for f in facts}
    if "real" in found:
        return [_kind_of_column(f) for f in facts]
    order: tuple[Kind, ...] = ("count", "ordinal", "binary")
    return [next(kind for kind in order if kind in found)] * len(facts)


def _kind_of_column(facts: Facts) -> Kind:
    """As its values tell, but nothing is known of a column with a single one."""
    return "real" if facts.low == facts.high else _kind_of_values(facts)


def _kind_of_values(facts: Facts) -> Kind:
    if facts.zero_or_one:
        return "binary"
    if not facts.whole or facts.low < 0:
        return "real"
    if facts.high < MAX_ORDINAL_LEVELS:
        return "ordinal"
    # Things counted can be none; what never is zero is rather an amount, an age or a year.
    if facts.low == 0 and facts.high <= MAX_COUNT and facts.mean <= MAX_MEAN_COUNT:
        return "count"
    return "real"


def _pooled(facts: list[Facts]) -> Facts:
    """All features as one."""
    return Facts(
        low=min(f.low for f in facts),
        high=max(f.high for f in facts),
        mean=sum(f.mean for f in facts) / len(facts),
        whole=all(f.whole for f in facts),
        zero_or_one=all(f.zero_or_one for f in facts),
    )
