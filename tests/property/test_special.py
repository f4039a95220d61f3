"""The incomplete beta function, against SciPy's over ten orders of magnitude."""

import math

import pytest
import scipy.special
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model_store.vae.special import betainc, log_beta_kernel

theorem = settings(deadline=None)
sizes = st.floats(-9, 14).map(math.exp)
log_odds = st.floats(-30, 30)


@given(a=sizes, b=sizes, logit=log_odds)
@theorem
def test_betainc_is_scipys(a: float, b: float, logit: float) -> None:
    x, y = shares(logit)

    ours = betainc(one(a), one(b), x, y)

    # SciPy takes no 1 - x, so the nearer end is asked.
    near_zero = logit < 0
    ask = scipy.special.betainc if near_zero else scipy.special.betaincc
    expected = ask(a, b, float(x)) if near_zero else ask(b, a, float(y))
    assert float(ours) == pytest.approx(expected, abs=1e-11)


@given(a=sizes, b=sizes, z=st.floats(-4, 4))
@theorem
def test_betainc_is_scipys_near_the_mean(a: float, b: float, z: float) -> None:
    mean = a / (a + b)
    x = mean + z * math.sqrt(mean * (1 - mean) / (a + b + 1))
    if not 0 < x < 1:
        return

    ours = betainc(one(a), one(b), one(x), one(1 - x))

    assert float(ours) == pytest.approx(float(scipy.special.betainc(a, b, x)), abs=1e-10)


@given(a=sizes, b=sizes, logit=log_odds)
@theorem
def test_both_sides_add_up_to_one(a: float, b: float, logit: float) -> None:
    x, y = shares(logit)

    total = betainc(one(a), one(b), x, y) + betainc(one(b), one(a), y, x)

    assert float(total) == pytest.approx(1, abs=1e-12)


@given(a=st.floats(-9, 5).map(math.exp), b=st.floats(-9, 5).map(math.exp), logit=log_odds)
@theorem
def test_the_kernel_is_its_formula(a: float, b: float, logit: float) -> None:
    x, y = shares(logit)

    ours = log_beta_kernel(one(a), one(b), x, y)

    expected = a * x.log() + b * y.log() - scipy.special.betaln(a, b)
    assert float(ours) == pytest.approx(float(expected), abs=1e-9)


@given(a=sizes, logit=log_odds, far=st.floats(30, 300))
@theorem
def test_nothing_is_left_far_from_the_mean(a: float, logit: float, far: float) -> None:
    x, y = shares(logit)
    b = math.exp(far) * (1 + a / float(x)) * 50

    assert float(betainc(one(a), one(b), x, y)) == pytest.approx(1, abs=1e-12)
    assert float(betainc(one(b), one(a), y, x)) < 1e-12


def shares(logit: float) -> tuple[Tensor, Tensor]:
    return torch.sigmoid(one(logit)), torch.sigmoid(one(-logit))


def one(value: float) -> Tensor:
    return torch.tensor([value], dtype=torch.float64)
