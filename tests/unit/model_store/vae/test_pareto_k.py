"""Fact 5: the tail index of importance weights, against ArviZ and where it is known."""

import math

import pytest
import torch
from arviz_stats.base import array_stats
from torch import Tensor

from model_store.vae.diagnostics import effective_sample_size, pareto_k, reliable, tail_length

# q = N(0, s^2) for a posterior N(0, 1) has k = 1 - s^2.
NARROW = [0.5, 0.7, 0.9]
WIDE = [1.1, 1.5, 3.0]


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def log_weights_of_scale(scale: float, samples: int, rows: int) -> Tensor:
    return 0.5 * (1 - scale**2) * normal(samples, rows).square()


# Where a fifth or three roots are no whole number, ArviZ rounds them down and the paper up.
@pytest.mark.parametrize("samples", [25, 100, 225, 256, 400, 10_000])
def test_it_is_that_of_arviz(samples: int) -> None:
    log_weights = normal(samples, 40) * torch.logspace(-1, 1, 40) + torch.linspace(-900, 900, 40)

    reference = array_stats.psislw(-log_weights.numpy(), axis=0)[1]

    torch.testing.assert_close(pareto_k(log_weights), torch.from_numpy(reference))


@pytest.mark.parametrize("k", [0.1, 0.5, 0.7, 1.0, 2.0])
def test_weights_of_a_pareto_distribution_have_its_index(k: float) -> None:
    exponential = -torch.special.ndtr(normal(10_000, 100)).log()

    fitted = pareto_k(k * exponential)

    # The prior: ten draws at 0.5 beside the 300 of the tail.
    error = float(fitted.std()) / math.sqrt(100)
    assert float(fitted.mean()) == pytest.approx((300 * k + 5) / 310, abs=4 * error)


@pytest.mark.parametrize("scale", NARROW)
def test_a_narrow_proposal_has_one_minus_its_variance(scale: float) -> None:
    k = pareto_k(log_weights_of_scale(scale, 100_000, 40))

    assert float(k.mean()) == pytest.approx(1 - scale**2, abs=0.06)


@pytest.mark.parametrize("scale", WIDE)
def test_bounded_weights_have_a_negative_index(scale: float) -> None:
    assert (pareto_k(log_weights_of_scale(scale, 1_000, 40)) < 0).all()


@pytest.mark.parametrize("samples", [2, 5, 20, 21, 256, 1_000])
@pytest.mark.parametrize("noise", [0.0, 1e-5])
def test_equal_weights_are_exact_whatever_float32_made_of_them(samples: int, noise: float) -> None:
    k = pareto_k(noise * normal(samples, 30) - 90)

    assert (k == -math.inf).all()
    assert reliable(k).all()


def test_one_draw_is_not_taken_for_exact() -> None:
    k = pareto_k(torch.zeros(1, 3).double())

    assert k.isnan().all()
    assert not reliable(k).any()


@pytest.mark.parametrize(("samples", "defined"), [(2, False), (20, False), (21, True)])
def test_it_takes_five_draws_in_the_tail(samples: int, *, defined: bool) -> None:
    k = pareto_k(normal(samples, 3))

    assert k.isfinite().all() if defined else k.isnan().all()
    assert defined or not reliable(k).any()


@pytest.mark.parametrize(("samples", "tail"), [(1, 1), (22, 5), (256, 48), (1_000, 95)])
def test_length_of_the_tail(samples: int, tail: int) -> None:
    assert tail_length(samples) == tail


@pytest.mark.parametrize("scale", [1.0, 30.0, 3_000.0])
def test_it_does_not_depend_on_the_scale_of_the_weights(scale: float) -> None:
    log_weights = normal(500, 20) * scale

    torch.testing.assert_close(pareto_k(log_weights + 1e4), pareto_k(log_weights))


def test_one_weight_above_all_others_is_finite_and_not_reliable() -> None:
    log_weights = torch.zeros(256, 2).double()
    log_weights[7] = torch.tensor([5.0, 5_000.0])

    k = pareto_k(log_weights)

    assert k.isfinite().all()
    assert not reliable(k).any()


def test_a_row_alone_is_the_row_among_many() -> None:
    log_weights = normal(400, 3_000)

    alone = torch.stack([pareto_k(log_weights[:, i]) for i in (0, 1_500, 2_999)])

    torch.testing.assert_close(alone, pareto_k(log_weights)[[0, 1_500, 2_999]])


def test_rows_keep_their_axes() -> None:
    assert pareto_k(normal(30, 2, 3)).shape == (2, 3)
    assert pareto_k(normal(30)).shape == ()


def test_weights_that_rounding_makes_equal_are_not_called_exact() -> None:
    log_weights = torch.full((256, 1), -1e16, dtype=torch.float64)

    assert not reliable(pareto_k(log_weights))


@pytest.mark.parametrize("log_weight", [0.0, -1e4, -1e16, 1e30])
def test_equal_weights_of_any_size_all_count(log_weight: float) -> None:
    log_weights = torch.full((256, 1), log_weight, dtype=torch.float64)

    assert float(effective_sample_size(log_weights)) == 256
