"""Likelihoods start at each feature's marginal, whatever cells of the table are missing."""

import math

import pytest
import torch
from torch import Tensor

from model_store.vae.likelihoods import (
    CategoricalHead,
    DiscretizedLogisticHead,
    GaussianHead,
    LaplaceHead,
    LikelihoodHead,
    NegativeBinomialHead,
    StudentTHead,
)
from tests.models import KINDS, random_rows, small_vae


@pytest.mark.parametrize("kind", KINDS)
def test_gaps_leave_the_start_of_the_rows_that_have_none(kind: str) -> None:
    head, y = small_vae(kind).head, rows(kind)
    gaps = torch.cat([y, torch.full_like(y, torch.nan)])[torch.randperm(80, generator=seeded())]

    ours = head.initial_outputs(gaps)

    torch.testing.assert_close(ours, head.initial_outputs(y))


@pytest.mark.parametrize("kind", KINDS)
def test_a_feature_starts_from_its_own_observed_cells(kind: str) -> None:
    head, y = small_vae(kind).head, rows(kind)
    gaps = y.clone()
    gaps[10:, 3] = torch.nan
    few = y[:10]

    starts = law_of(head, gaps), law_of(head, y), law_of(head, few)

    with_gaps, complete, of_few = (start.center[0] for start in starts)
    others = [0, 1, 2, 4, 5]
    torch.testing.assert_close(with_gaps[others], complete[others])
    torch.testing.assert_close(with_gaps[3], of_few[3])


@pytest.mark.parametrize("observed", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_a_feature_that_is_all_but_missing_has_a_finite_start(kind: str, observed: int) -> None:
    head, y = small_vae(kind).head, rows(kind)
    y[observed:, 3] = torch.nan

    head.initialize_parameters(y)

    assert head.initial_outputs(y).isfinite().all()
    assert all(parameter.isfinite().all() for parameter in head.parameters())


@pytest.mark.parametrize("head", [GaussianHead, LaplaceHead, StudentTHead])
def test_learned_scales_start_at_the_features_own(head: type) -> None:
    y = torch.randn(4_000, 3, generator=seeded()) * torch.tensor([0.5, 1.0, 20.0])
    ours = head(3, "per_feature", floor=math.exp(-5)).requires_grad_(requires_grad=False)

    law = law_of(ours, y)

    expected = torch.stack(ours.marginal(y))[1]
    torch.testing.assert_close(law.scale, expected)


def test_a_shared_scale_starts_at_the_root_mean_square() -> None:
    y = torch.randn(4_000, 2, generator=seeded()) * torch.tensor([1.0, 7.0])
    head = GaussianHead(2, "shared", floor=math.exp(-5)).requires_grad_(requires_grad=False)

    law = law_of(head, y)

    torch.testing.assert_close(law.scale, y.var(dim=0).mean().sqrt().expand(2))


def test_no_learned_scale_starts_on_its_floor() -> None:
    y = torch.tensor([[1.0], [1.0], [1.0], [9.0]])  # a median absolute deviation of 0
    head = StudentTHead(1, "per_feature", floor=math.exp(-5)).requires_grad_(requires_grad=False)

    law = law_of(head, y)

    assert not head.at_floor(law).any()


def test_a_learned_scale_of_levels_starts_at_their_deviation() -> None:
    y = torch.randint(0, 17, (2_000, 4), generator=seeded()).float()
    head = DiscretizedLogisticHead((17,) * 4, "per_feature").requires_grad_(requires_grad=False)

    law = law_of(head, y)

    # The ends of the range cut the law's tails off, so its own deviation is a little smaller.
    torch.testing.assert_close(law.variance.sqrt()[0], y.std(dim=0), rtol=0.15, atol=0)


def test_dispersions_start_where_the_variance_is_the_datas() -> None:
    rates = -5 * torch.rand(2, 4_000, 3, generator=seeded()).log().sum(dim=0)
    y = torch.poisson(rates, generator=seeded())
    head = NegativeBinomialHead(3, zero_inflation=False).requires_grad_(requires_grad=False)

    law = law_of(head, y)

    torch.testing.assert_close(law.variance[0], y.var(dim=0), rtol=0.01, atol=0)


def test_counts_that_vary_no_more_than_poissons_start_with_a_little_dispersion() -> None:
    head = NegativeBinomialHead(2, zero_inflation=False).requires_grad_(requires_grad=False)

    head.initialize_parameters(torch.tensor([[3.0, 1.0]] * 5))

    assert head.log_dispersion.tolist() == [-4.0, -4.0]


def test_dispersion_is_left_to_the_latents_beyond_one() -> None:
    head = NegativeBinomialHead(1, zero_inflation=False).requires_grad_(requires_grad=False)

    head.initialize_parameters(torch.tensor([[0.0]] * 9 + [[100.0]]))

    assert head.log_dispersion.tolist() == [0.0]


def test_missing_codes_count_for_no_category() -> None:
    head = CategoricalHead((2, 3))
    y = torch.tensor([[0.0, 2.0], [torch.nan, 2.0], [1.0, torch.nan]])

    probs = head(head.initial_outputs(y)[None]).parameters()["probs"][0]

    torch.testing.assert_close(probs[0, :2], torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(probs[1], torch.tensor([1 / 9, 1 / 9, 7 / 9]))


def law_of(head: LikelihoodHead, y: Tensor):  # noqa: ANN201 - any likelihood
    """The likelihood of one row before training."""
    head.initialize_parameters(y)
    return head(head.initial_outputs(y)[None])


def rows(kind: str) -> Tensor:
    return small_vae(kind).to_model_units(random_rows(kind, 40)).y


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)
