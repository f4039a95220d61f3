"""Data units to model units and back, where a value may lie, and NaN."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.errors import SupportError
from model_store.vae.estimators import estimate_elbo
from model_store.vae.transforms import Transform
from tests.models import random_rows, small_vae

MISSING = float("nan")


def logarithms() -> Transform:
    """A plain feature, one of log x, one of log(1 + x)."""
    return Transform(
        torch.tensor([5.0, 1.0, 2.0]),
        torch.tensor([2.0, 0.5, 3.0]),
        log_columns=[1, 2],
        offset=torch.tensor([0.0, 0.0, 1.0]),
    )


@given(st.tuples(st.floats(-1e3, 1e3), st.floats(1e-6, 1e6), st.floats(0, 1e6)))
@settings(deadline=None)
def test_the_inverse_undoes_it(row: tuple[float, float, float]) -> None:
    x = torch.tensor([row], dtype=torch.float64)

    back = logarithms().inverse(logarithms().exact(x))

    torch.testing.assert_close(back, x, rtol=1e-10, atol=1e-10)


def test_its_log_abs_det_is_that_of_its_derivative() -> None:
    x = torch.tensor([[3.0, 0.2, 0.0], [-1.0, 7.0, 40.0]]).double()
    step = 1e-6 * torch.ones_like(x)

    slope = (logarithms().exact(x + step) - logarithms().exact(x - step)) / (2 * step)

    torch.testing.assert_close(logarithms().log_abs_det(x), slope.log(), rtol=1e-6, atol=1e-6)


def test_without_logarithms_all_rows_share_the_determinant() -> None:
    transform = Transform(torch.zeros(3), torch.tensor([1.0, 2.0, 4.0]))

    log_abs_det = transform.log_abs_det(torch.zeros(7, 3))

    torch.testing.assert_close(log_abs_det, -torch.tensor([1.0, 2.0, 4.0]).double().log())


def test_a_missing_value_stays_missing_and_troubles_no_other() -> None:
    x = torch.tensor([[3.0, MISSING, 0.0]]).double()

    y = logarithms()(x)

    assert y.isnan().tolist() == [[False, True, False]]
    assert logarithms().log_abs_det(x).isnan().tolist() == [[False, True, False]]


@pytest.mark.parametrize(
    ("kind", "feature", "value", "needed"),
    [
        ("gaussian_logarithms", 0, 0.0, "a number above 0"),
        ("gaussian_logarithms", 2, -3.0, "a number above -3"),
        ("gaussian_logarithms", 1, math.inf, "a finite number"),
        ("mixed_logarithms", 4, -3.5, "a number above -3"),
        ("continuous_bernoulli_bytes", 3, 255.0001, "a number from 0 to 255"),
        ("continuous_bernoulli_bytes", 3, -1e-9, "a number from 0 to 255"),
    ],
)
def test_what_a_feature_needs_is_said_in_data_units(
    kind: str, feature: int, value: float, needed: str
) -> None:
    x = random_rows(kind, 3)
    x.view(3, 6)[1, feature] = value

    with pytest.raises(SupportError) as refused:
        estimate_elbo(small_vae(kind), x, num_samples=1, seed=0)

    assert (refused.value.row, refused.value.feature) == (1, feature)
    assert refused.value.needed == needed


@given(low=st.floats(-1e6, 1e6), width=st.floats(1e-3, 1e6))
@settings(deadline=None)
def test_the_edges_of_an_interval_are_taken_exactly(low: float, width: float) -> None:
    high = low + width
    vae = small_vae("continuous_bernoulli")
    ones = torch.ones(6, dtype=torch.float64)
    vae.transform = Transform(low * ones, (high - low) * ones)
    edges = torch.tensor([[low] * 6, [high] * 6], dtype=torch.float64)

    assert vae.transform(edges)[:, 0].tolist() == [0.0, 1.0]
    assert vae.in_support(edges).all()


@pytest.mark.parametrize("log_columns", [[], [0]])
def test_an_interval_far_narrower_than_its_value_keeps_its_width(log_columns: list[int]) -> None:
    transform = Transform(torch.zeros(1), torch.ones(1), log_columns=log_columns)
    transform.shift.copy_(transform.exact(torch.tensor([[1.7e9]], dtype=torch.float64))[0])
    x = torch.tensor([[1.7e9]], dtype=torch.float64)

    low, high = transform.interval(x, torch.tensor([5e-8], dtype=torch.float64))

    slope = transform.log_abs_det(x).exp()
    torch.testing.assert_close(high - low, (1e-7 * slope).expand(1, 1))
