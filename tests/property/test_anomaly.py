"""Facts 8, 12, 13 and 15 of anomaly scores: sums, units, gaps, and no look at the neighbours."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from model_store.calibration import SCORE_KINDS, calibrate, recalibrate
from model_store.vae import chunks
from model_store.vae.anomaly import AnomalyStatistics, Baseline
from model_store.vae.anomaly.baseline import columns_of, surprise
from model_store.vae.anomaly.pictures import plainness
from model_store.vae.estimators import estimate_elbo, estimate_log_likelihood
from model_store.vae.model import VAE
from model_store.vae.transforms import Transform
from tests.calibrations import small_calibration
from tests.models import KINDS, random_rows, small_vae

UNITS = Transform(torch.linspace(-7, 3, 6), torch.logspace(-3, 2, 6))


def statistics_of(kind: str, x: Tensor) -> AnomalyStatistics:
    return small_calibration(kind).statistics(small_vae(kind), x)


def scores_of(kind: str, x: Tensor) -> Tensor:
    scores = small_calibration(kind).scores(statistics_of(kind, x))
    return torch.stack([scores[kind] for kind in SCORE_KINDS])


def with_gaps(x: Tensor) -> Tensor:
    hidden = torch.rand(x.shape, generator=torch.Generator().manual_seed(5)) < 0.3
    return x.masked_fill(hidden, torch.nan)


@pytest.mark.parametrize("kind", KINDS)
def test_contributions_and_kl_add_up_to_the_elbo_score(kind: str) -> None:
    x = random_rows(kind, 9)

    statistics = statistics_of(kind, with_gaps(x))

    reconstruction = -statistics.contributions.sum(dim=1)
    torch.testing.assert_close(reconstruction, statistics.reconstruction)
    score = small_calibration(kind).scores(statistics)["elbo"]
    torch.testing.assert_close(statistics.kl_divergence - reconstruction, score)


@pytest.mark.parametrize("kind", KINDS)
def test_bounds_are_those_of_the_estimators_in_model_units(kind: str) -> None:
    vae, x = small_vae(kind), with_gaps(random_rows(kind, 9))

    statistics = statistics_of(kind, x)

    log_abs_det = vae.to_model_units(x).total_log_abs_det
    elbo = estimate_elbo(vae, x, num_samples=4, seed=0).elbo
    bound = estimate_log_likelihood(vae, x, num_samples=4, seed=0).log_likelihood
    torch.testing.assert_close(statistics.elbo + log_abs_det, elbo)
    if kind not in {"bernoulli", "bernoulli_mixture_prior", "categorical"}:  # clamped to 0 there
        torch.testing.assert_close(statistics.log_likelihood + log_abs_det, bound)


@pytest.mark.parametrize("kind", KINDS)
def test_neighbours_are_decoded_beforehand_as_with_each_row(kind: str) -> None:
    calibration, x = small_calibration(kind), with_gaps(random_rows(kind, 9))
    assert calibration.reference.outputs is not None
    undecoded = replace(calibration, reference=replace(calibration.reference, outputs=None))

    neighbours = statistics_of(kind, x).neighbours

    expected = undecoded.statistics(small_vae(kind), x).neighbours
    torch.testing.assert_close(neighbours, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_alone_scores_as_in_any_batch_and_order(kind: str) -> None:
    x = with_gaps(random_rows(kind, 60, seed=3))
    order = torch.randperm(60)

    together = scores_of(kind, x[order])

    alone = torch.cat([scores_of(kind, row) for row in x.split(1)], dim=1)
    torch.testing.assert_close(together, alone[:, order], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["gaussian", "mixed", "discretized_logistic"])
def test_equal_rows_have_equal_p_values_though_batches_round_differently(kind: str) -> None:
    calibration = small_calibration(kind)
    x = random_rows(kind, 300, seed=1)[:99]  # those that calibrated it, in another batch
    scores = calibration.scores(statistics_of(kind, torch.cat([x, random_rows(kind, 33)])))

    p = calibration.p_values("elbo", scores["elbo"][:99])

    expected = 1 + (scores["elbo"][:99] >= scores["elbo"][:99, None] - 1e-5).sum(dim=1)
    assert p.tolist() == pytest.approx((expected / 100).tolist())


@pytest.mark.parametrize("elements", [1, 500])
def test_cutting_work_changes_no_score(elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = random_rows("discretized_logistic", 40)
    whole = scores_of("discretized_logistic", x)

    monkeypatch.setattr(chunks, "CHUNK_ELEMENTS", elements)

    cut = scores_of("discretized_logistic", x)
    torch.testing.assert_close(cut, whole, rtol=1e-4, atol=1e-4)


def p_values(vae: VAE, x: Tensor) -> Tensor:
    calibration = calibrate(vae, x[:50], x[50:150], num_samples=4)
    scores = calibration.scores(calibration.statistics(vae, x[150:]))
    return torch.stack([calibration.p_values(kind, scores[kind]) for kind in SCORE_KINDS])


def test_a_change_of_units_moves_no_p_value() -> None:
    """Model and rows with every feature in another unit: metres to millimetres."""
    vae, other, x = small_vae("gaussian"), small_vae("gaussian"), random_rows("gaussian", 200)
    other.transform = UNITS

    standard = (x.flatten(1) - vae.transform.shift) / vae.transform.scale
    rescaled = vae.to_event(UNITS.shift + UNITS.scale * standard)

    assert torch.equal(p_values(vae, x), p_values(other, rescaled))


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_feature_contributes_nothing(kind: str) -> None:
    x = random_rows(kind, 5)
    x.flatten(1)[:, 2] = torch.nan

    statistics = statistics_of(kind, x)

    assert (statistics.contributions[:, 2] == 0).all()
    assert (statistics.contributions[:, 3] != 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_nothing_has_scores(kind: str) -> None:
    nothing = torch.full_like(random_rows(kind, 2), torch.nan)

    scores, statistics = scores_of(kind, nothing), statistics_of(kind, nothing)

    assert scores.isfinite().all()
    assert statistics.log_likelihood.tolist() == [0, 0]
    assert statistics.contributions.abs().sum() == 0


def test_the_further_out_the_higher_with_no_ties_and_no_overflow() -> None:
    vae, calibration = small_vae("gaussian"), small_calibration("gaussian")
    away = 10.0 ** torch.tensor([3, 5, 7, 9, 30, 38], dtype=torch.float64)
    x = away.reshape(-1, 1, 1) * vae.transform.scale.reshape(2, 3).double()

    scores = calibration.scores(calibration.statistics(vae, x))

    for kind in ("combined", "elbo", "reconstruction"):
        assert scores[kind].isfinite().all()
        assert (scores[kind][:4].diff() > 0).all()
        assert calibration.p_values(kind, scores[kind]).tolist() == [0.01] * 6


def test_calibration_rows_do_not_change_what_a_score_is() -> None:
    """What makes combined scores exchangeable: they are fixed before calibration rows are seen."""
    vae, calibration = small_vae("mixed"), small_calibration("mixed")
    x = random_rows("mixed", 20)

    other = recalibrate(vae, random_rows("mixed", 30, seed=8), calibration)

    before, after = (c.scores(c.statistics(vae, x)) for c in (calibration, other))
    assert all(torch.equal(before[kind], after[kind]) for kind in SCORE_KINDS)
    assert other.rows == 30


@pytest.mark.parametrize("kind", ["gaussian_predicted", "laplace_predicted", "bernoulli"])
def test_a_picture_at_the_mode_deviates_less_than_the_models_draws(kind: str) -> None:
    vae, z = small_vae(kind), torch.randn(50, 3, generator=torch.Generator().manual_seed(2))
    law = vae.data_likelihood(z)
    mode = law.center.round() if kind == "bernoulli" else law.center

    rows = vae.to_model_units(vae.to_event(mode.double()))

    assert (plainness(vae, rows, z, seed=0).deviance < 0).all()


@pytest.mark.parametrize("kind", ["gaussian", "mixed", "student_t"])
def test_only_pictures_of_a_varying_spread_can_be_plain(kind: str) -> None:
    assert statistics_of(kind, random_rows(kind, 3)).plainness is None


numbers = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30)


@given(held_out=numbers, values=numbers)
def test_surprise_rises_with_the_value(held_out: list[float], values: list[float]) -> None:
    ascending = torch.tensor(held_out, dtype=torch.float64).sort().values
    values_up = torch.tensor(values, dtype=torch.float64).sort().values

    surprises = surprise(ascending, values_up)

    assert (surprises.diff() >= -1e-9).all()
    assert (surprises >= 0).all()


def test_surprise_of_what_is_always_the_same() -> None:
    same = torch.full((50,), 3.0, dtype=torch.float64)

    surprises = surprise(same, torch.tensor([3.0, 3.0 + 1e-9, 2.0, 4.0], dtype=torch.float64))

    assert surprises[:3].tolist() == pytest.approx([0.01] * 3, abs=0.01)
    assert surprises[3] > 100


def contributing(*contributions: float) -> AnomalyStatistics:
    """Rows that differ in what their only feature contributes."""
    same = torch.zeros(len(contributions), dtype=torch.float64)
    return AnomalyStatistics(
        *[same] * 6, contributions=torch.tensor(contributions, dtype=torch.float64)[:, None]
    )


def test_training_rows_tell_of_values_that_the_held_out_rows_do_not_show() -> None:
    held_out, training = contributing(1.0, 1.0, 1.0), contributing(*[1.0] * 8, 9.0)

    baseline = Baseline.of(held_out, training)

    assert baseline.typical.tolist() == [1.0]
    assert baseline.deviation.tolist() == pytest.approx([8 * (11**0.5) / 12 + 0.01])
    assert all(len(values) == 3 for values in baseline.ascending.values())


@pytest.mark.parametrize(
    ("kind", "joined"),
    [
        ("mixed", {"neighbours", "features"}),
        ("bernoulli", {"neighbours", "simplicity", "squared_error", "overfit"}),
    ],
)
def test_the_combined_score_is_the_largest_surprise_of_what_it_joins(
    kind: str, joined: set[str]
) -> None:
    x, baseline = random_rows(kind, 40), small_calibration(kind).baseline
    statistics = statistics_of(kind, x)

    columns = columns_of(statistics, baseline.typical, baseline.deviation)

    surprises = [surprise(baseline.ascending[name], columns[name]) for name in joined]
    expected = torch.stack(surprises).amax(dim=0)
    assert torch.equal(scores_of(kind, x)[SCORE_KINDS.index("combined")], expected)
