"""A whole table is judged as its values are, one by one."""

import math

import pytest
import torch

from model_store.vae.supports import IntegerSupport, RealSupport, Support

BINARY, CODES, COUNTS = IntegerSupport((2, 2)), IntegerSupport((2, 3)), IntegerSupport()
REAL = RealSupport()
EXTREMES = (5e-324, 1e-30, 0.5, 1 - 2**-24, 1 + 2**-23, 1 + 2**-52, 2.0, -1.0, 1e30, 1e308)
NO_NUMBERS = (math.nan, math.inf, -math.inf)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, *EXTREMES, *NO_NUMBERS])
@pytest.mark.parametrize("support", [BINARY, CODES, COUNTS, REAL], ids=repr)
def test_all_values_are_allowed_if_each_of_them_is(
    support: Support, value: float, dtype: torch.dtype
) -> None:
    x = torch.tensor([[1.0, value], [0.0, 1.0]], dtype=torch.float64).to(dtype)

    assert support.contains_all(x) == bool(support.contains(x).all())


@pytest.mark.parametrize(
    ("support", "allowed"),
    [(BINARY, {0.0, 1.0}), (CODES, {0.0, 1.0, 2.0}), (COUNTS, {0.0, 1.0, 2.0, 1e30, 1e308})],
    ids=repr,
)
def test_integers_within_bounds_are_allowed(support: Support, allowed: set[float]) -> None:
    values = (0.0, 1.0, *EXTREMES, *NO_NUMBERS)
    x = torch.tensor([[0.0, value] for value in values], dtype=torch.float64)

    inside = support.contains(x)[:, 1].tolist()

    assert {value for value, is_inside in zip(values, inside, strict=True) if is_inside} == allowed


def test_values_outside_do_not_make_up_for_each_other() -> None:
    # x - x^2 is -0.25 for the first and 0.25 for the second.
    x = torch.tensor([[(1 - math.sqrt(2)) / 2, 0.5]], dtype=torch.float64)

    assert not BINARY.contains_all(x)


def test_a_sum_that_is_too_large_is_no_reason_to_refuse() -> None:
    assert REAL.contains_all(torch.full((3, 2), 1e308, dtype=torch.float64))
