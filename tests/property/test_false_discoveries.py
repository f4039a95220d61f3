"""Benjamini-Hochberg: the largest set of rows that its line allows, and few false ones in it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from model_store.calibration import conformal_p_values
from model_store.false_discoveries import benjamini_hochberg

steps = st.lists(st.integers(1, 20), min_size=1, max_size=12)


@given(steps, st.sampled_from([0.05, 0.1, 0.25, 0.5, 0.95]))
def test_flagged_are_as_many_as_the_line_allows(twentieths: list[int], rate: float) -> None:
    p_values = torch.tensor(twentieths).double() / 20
    m = len(twentieths)

    limit = benjamini_hochberg(p_values, rate)

    # k rows are allowed where the k-th smallest p-value is at most rate k / m.
    allowed = [k for k in range(1, m + 1) if sorted(twentieths)[k - 1] * m <= 20 * rate * k + 1e-9]
    flagged = 0 if limit is None else int((p_values <= limit).sum())
    assert flagged == max(allowed, default=0)


def test_nothing_is_flagged_where_no_p_value_is_small() -> None:
    assert benjamini_hochberg(torch.tensor([0.3, 0.9]), 0.1) is None


def test_p_values_that_are_all_equal_stand_or_fall_together() -> None:
    assert benjamini_hochberg(torch.full((7,), 0.05, dtype=torch.float64), 0.05) == pytest.approx(
        0.05
    )
    assert benjamini_hochberg(torch.full((7,), 0.051, dtype=torch.float64), 0.05) is None


def false_share(seed: int, rate: float) -> float:
    """Of the flagged rows of a request of 50, 10 of them shifted, on 200 calibration rows."""
    generator = torch.Generator().manual_seed(seed)
    clean = torch.randn(240, generator=generator).double()
    odd = 3 + torch.randn(10, generator=generator).double()
    p_values = conformal_p_values(clean[:200], torch.cat([clean[200:], odd]))
    return _share_of_first(40, p_values, benjamini_hochberg(p_values, rate))


def _share_of_first(clean: int, p_values: Tensor, limit: float | None) -> float:
    if limit is None:
        return 0.0
    flagged = p_values <= limit
    return float(flagged[:clean].sum() / flagged.sum())


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_the_false_share_is_at_most_the_rate_over_many_requests(rate: float) -> None:
    shares = torch.tensor([false_share(seed, rate) for seed in range(1_000)]).double()

    error = float(shares.std()) / len(shares) ** 0.5
    assert 0 < float(shares.mean()) <= rate * 40 / 50 + 3 * error
