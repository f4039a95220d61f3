"""What each feature adds to a score: all of it, the odd value's own, and not what it spoils."""

import pytest
import torch
from torch import Tensor

from model_store.vae.anomaly import (
    AnomalyStatistics,
    Attribution,
    Reference,
    anomaly_statistics,
    attribute,
    attribution,
)
from model_store.vae.model import VAE
from tests.calibrations import small_calibration
from tests.linear_gaussian import LinearGaussian
from tests.models import random_rows, small_vae


def one_factor(*loadings: float) -> LinearGaussian:
    """Features that depend on one latent by so much, and sixteen that do not."""
    weights = torch.tensor([*loadings, *[0.0] * 16], dtype=torch.float64)[:, None]
    return LinearGaussian(weights, torch.zeros(len(weights)).double(), noise=0.3)


# The latent is as good as read off the first: where that is wrong, the others look worse.
LEVER = one_factor(3.0, 0.6, 0.6, 0.6)


def statistics_of(vae: VAE, x: Tensor) -> AnomalyStatistics:
    return anomaly_statistics(vae, x, reference=Reference.of(vae, x), num_samples=4, seed=0)


def attributed(model: LinearGaussian, x: Tensor) -> Attribution:
    vae = model.vae(posterior="full")
    typical = statistics_of(vae, model.sample(400, 1)).contributions.median(dim=0).values
    return attribute(vae, x, statistics_of(vae, x), typical, num_samples=4, seed=0)


def with_shift(x: Tensor, *features: int) -> Tensor:
    shifted = x.clone()
    shifted[:, list(features)] += 12.0
    return shifted


def test_an_odd_value_is_named_and_not_what_it_makes_look_odd() -> None:
    x = with_shift(LEVER.sample(200), 0)

    plain = statistics_of(LEVER.vae(posterior="full"), x).contributions.argmax(dim=1)
    named = attributed(LEVER, x).contributions.argmax(dim=1)

    assert float((plain == 0).double().mean()) < 0.1
    assert float((named == 0).double().mean()) > 0.95


def test_two_odd_values_are_both_named() -> None:
    x = with_shift(LEVER.sample(200), 0, 10)

    named = attributed(LEVER, x).contributions.topk(2, dim=1).indices

    both = (named.sort(dim=1).values == torch.tensor([0, 10])).all(dim=1)
    assert float(both.double().mean()) > 0.95


def test_a_hidden_feature_adds_what_the_score_falls_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution, "MAX_HIDDEN", 1)
    x = with_shift(LEVER.sample(50), 0)
    vae = LEVER.vae(posterior="full")

    made = attributed(LEVER, x)

    rest = statistics_of(vae, x.index_fill(1, torch.tensor([0]), torch.nan))
    fall = rest.elbo - statistics_of(vae, x).elbo
    expected = rest.contributions.index_copy(1, torch.tensor([0]), fall[:, None])
    torch.testing.assert_close(made.contributions, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(made.kl_divergence, rest.kl_divergence)


@pytest.mark.parametrize("kind", ["mixed", "gaussian"])
def test_contributions_add_up_to_the_score_of_what_is_there(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 40)
    hidden = torch.rand(x.shape, generator=torch.Generator().manual_seed(5)) < 0.3
    x, by = x.masked_fill(hidden, torch.nan), small_calibration(kind)
    statistics = by.statistics(vae, x)

    made = attribute(vae, x, statistics, by.typical, num_samples=by.num_samples, seed=by.seed)

    torch.testing.assert_close(made.score, -statistics.elbo)
    assert (made.contributions[hidden.flatten(1)] == 0).all()


def test_the_last_feature_of_a_row_is_never_hidden() -> None:
    x = torch.full((2, 20), torch.nan, dtype=torch.float64)
    x[1, 0] = 40.0

    made = attributed(LEVER, x)

    expected = statistics_of(LEVER.vae(posterior="full"), x)
    assert torch.equal(made.contributions, expected.contributions)
    assert torch.equal(made.kl_divergence, expected.kl_divergence)


def test_a_row_is_explained_alike_whatever_stands_beside_it() -> None:
    x = with_shift(LEVER.sample(600), 0)

    together = attributed(LEVER, x)

    alone = attributed(LEVER, x[577:578])
    torch.testing.assert_close(
        together.contributions[577:578], alone.contributions, rtol=1e-4, atol=1e-4
    )


def test_of_a_picture_no_pixel_is_hidden() -> None:
    vae, x = small_vae("gaussian"), random_rows("gaussian", 5) * 100
    by = small_calibration("gaussian")
    statistics = by.statistics(vae, x)

    made = attribute(vae, x, statistics, by.typical, num_samples=by.num_samples, seed=by.seed)

    assert vae.event_shape == (2, 3)
    assert made.contributions is statistics.contributions
