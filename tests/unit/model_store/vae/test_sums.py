"""Sums that are taken in parts, and by what they may differ from the exact ones."""

import pytest
import torch
from torch import Tensor

from model_store.vae.likelihoods.bernoulli import BernoulliLikelihood
from model_store.vae.likelihoods.gaussian import GaussianLikelihood
from model_store.vae.sums import total_of_one_sign
from tests.models import KINDS, random_rows, small_vae

# Few and many; of a prime number, nothing can be put together.
WIDTHS = (1, 6, 784, 1_000, 4_096, 9_973)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("power", [1, 8])  # with 8 the largest are a billion times the median
def test_a_total_of_one_sign_is_within_64_roundings(width: int, power: int) -> None:
    values = torch.randn(3, 40, width, generator=generator()).abs() ** power

    total = total_of_one_sign(values)

    assert total.dtype == torch.float64
    torch.testing.assert_close(total, values.double().sum(-1), rtol=64 * 2**-24, atol=0)


def test_a_total_does_not_mind_how_numbers_lie() -> None:
    values = torch.rand(784, 50, generator=generator()).T

    torch.testing.assert_close(total_of_one_sign(values), values.double().sum(-1))


# From certain and right, where a feature costs 1e-43, to certain and wrong, where it costs 1e4.
@pytest.mark.parametrize("size", [0.01, 1.0, 20.0, 100.0, 1e4])
@pytest.mark.parametrize("is_right", [True, False])
@pytest.mark.parametrize("rows", [1, 64])
def test_a_bernoulli_keeps_its_digits_whatever_the_logits(
    size: float, is_right: bool, rows: int
) -> None:
    x = (torch.rand(rows, 784, generator=generator()) > 0.5).float()
    away = size * (1 + torch.rand(rows, 784, generator=generator())) / 2
    logits = away * (2 * x - 1) * (1 if is_right else -1)

    total = BernoulliLikelihood(logits).total_log_prob(x)

    assert_is_log_prob(total, -torch.nn.functional.softplus((1 - 2 * x) * logits.double()))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_gaussian_keeps_its_digits_whatever_the_scale(scale: float) -> None:
    loc, x = torch.randn(2, 64, 784, generator=generator())
    log_scale = torch.full((784,), scale).log()

    total = GaussianLikelihood(loc, log_scale).total_log_prob(x)

    law = torch.distributions.Normal(loc.double(), log_scale.double().exp())
    assert_is_log_prob(total, law.log_prob(x.double()))


def assert_is_log_prob(total: Tensor, parts: Tensor) -> None:
    torch.testing.assert_close(total, parts.sum(-1), rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize("kind", KINDS)
def test_the_total_is_the_sum_of_the_features(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 9)
    rows, z = vae.to_model_units(x), torch.randn(4, 9, 3, generator=generator())
    law = vae.likelihood(z)

    total = law.total_log_prob(rows.y)

    torch.testing.assert_close(total, law.log_prob(rows.y).double().sum(-1), rtol=1e-5, atol=1e-5)
