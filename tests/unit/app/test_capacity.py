"""Capacity: what is allowed is admitted, one row more is refused with the limit's name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.capacity import Capacity, Size
from app.errors import TooLargeError
from app.settings import Settings
from model_store.detection import detect
from model_store.vae import generation
from model_store.vae.anomaly import MAX_HIDDEN, MAX_TRIED
from model_store.vae.estimators import estimate_elbo, impute

SIZE = Size(features=10, latents=3, widest=20, encoder=200, decoder=100)

QUESTIONS: list[tuple[Any, str]] = [
    (estimate_elbo, "num_samples"),
    (generation.encode, "num_samples"),
    (generation.decode, "num_samples"),
    (generation.interpolate, "steps"),
    (impute, "num_imputations"),
]


@given(
    st.sampled_from(QUESTIONS),
    st.integers(0, 50),
    st.integers(0, 3),
    st.integers(1, 300),
    st.integers(1, 3000),
)
def test_exactly_the_rows_of_the_allowance_are_admitted(
    question: tuple[Any, str], samples: int, refine: int, max_rows: int, max_row_samples: int
) -> None:
    limits = {"max_rows": max_rows, "max_row_samples": max_row_samples, "max_samples": 40}
    capacity = Capacity(Settings(**limits, max_elements=4_000))
    function, name = question
    options = {name: samples, "refine": refine}

    most = capacity.allowance(function, SIZE, options).rows

    with pytest.raises(TooLargeError):
        capacity.refuse(function, SIZE, options, most + 1)


def test_work_grows_with_samples() -> None:
    capacity = Capacity(Settings())

    allowance = capacity.allowance(estimate_elbo, SIZE, {"num_samples": 16})

    assert allowance.work == 200 + 16 * 100


def test_an_explained_feature_is_one_more_row_to_impute_and_some_are_hidden_before() -> None:
    capacity = Capacity(Settings(max_row_samples=1_000))

    allowance = capacity.allowance(detect, SIZE, {"num_samples": 16, "explain": 2})

    assert allowance.rows == 1_000 // (16 + 2 * 64)
    hidings = 2 * MAX_HIDDEN * MAX_TRIED
    assert allowance.work == (3 + hidings) * 200 + (16 + 2 * 64 + hidings) * 100
