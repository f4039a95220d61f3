"""Fact 14: conformal p-values are never 0, never above 1, and uniform on exchangeable rows."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from model_store.calibration import conformal_p_values

scores = st.lists(st.integers(-5, 5), min_size=1, max_size=12)


def of_each_against_the_others(values: list[int]) -> Tensor:
    """The p-value of every row with the rest as its calibration: all the ways to draw one."""
    table = torch.tensor(values, dtype=torch.float64)
    return torch.stack(
        [
            conformal_p_values(torch.cat([table[:i], table[i + 1 :]]), table[i : i + 1])[0]
            for i in range(len(table))
        ]
    )


@given(calibration=scores, asked=scores)
def test_it_counts_the_calibration_rows_that_are_as_odd(
    calibration: list[int], asked: list[int]
) -> None:
    p = conformal_p_values(torch.tensor(calibration), torch.tensor(asked))

    expected = [(1 + sum(c >= a for c in calibration)) / (len(calibration) + 1) for a in asked]
    assert p.tolist() == pytest.approx(expected)
    assert ((p > 0) & (p <= 1)).all()


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_on_distinct_exchangeable_rows_it_is_uniform(order: tuple[int, ...]) -> None:
    p = of_each_against_the_others(list(order))

    assert sorted(p.tolist()) == [0.25, 0.5, 0.75, 1.0]


@given(values=st.lists(st.integers(-3, 3), min_size=2, max_size=12), rate=st.floats(0, 1))
def test_clean_rows_are_flagged_at_no_more_than_the_asked_rate(
    values: list[int], rate: float
) -> None:
    flagged = of_each_against_the_others(values) <= rate

    assert float(flagged.double().mean()) <= rate + 1e-12


@given(calibration=scores, asked=scores, shift=st.integers(-1_000, 1_000))
def test_a_change_of_units_moves_no_p_value(
    calibration: list[int], asked: list[int], shift: int
) -> None:
    """Log-densities in other units are all shifted by one number."""
    before = conformal_p_values(torch.tensor(calibration), torch.tensor(asked))

    after = conformal_p_values(torch.tensor(calibration) + shift, torch.tensor(asked) + shift)

    assert torch.equal(before, after)


@pytest.mark.parametrize("calibration", [[], [0.0, float("nan")]])
def test_calibration_without_numbers_is_refused(calibration: list[float]) -> None:
    with pytest.raises(ValueError, match="need calibration scores that are numbers"):
        conformal_p_values(torch.tensor(calibration), torch.tensor([1.0]))
