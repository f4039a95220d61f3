"""The loop: what it maximises, keeps, skips and repeats."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from model_store.vae.estimators import estimate_elbo
from model_store.vae.model import VAE
from model_store.vae.rows import Rows
from tests.models import random_rows, small_vae
from training import fit as fit_module
from training.batches import Batches
from training.errors import DivergedError
from training.fit import FitOptions, fit
from training.objective import Objective, Terms
from training.schedules import averaging_decay, kl_weight, learning_rate

OPTIONS = {
    "epochs": 20,
    "learning_rate": 1e-2,
    "weight_decay": 0.0,
    "max_grad_norm": 100.0,
    "kl_warmup_fraction": 0.1,
    "free_bits": 0.0,
    "input_dropout": 0.0,
    "missing_rate": 0.0,
    "ema_decay": 0.9,
    "patience_fraction": 1.0,
    "keep": "best",
    "seed": 0,
}


def trainable(kind: str) -> tuple[VAE, Tensor]:
    return small_vae(kind).requires_grad_(), random_rows(kind, 200)


def run(vae: VAE, x: Tensor, **changes: object) -> list[fit_module.Report]:
    batches = Batches(vae.to_model_units(x), size=50, seed=0)
    return list(fit(vae, batches, x[:40], FitOptions(**{**OPTIONS, **changes})))


@pytest.mark.parametrize("kind", ["gaussian", "bernoulli", "mixed", "discretized_logistic"])
def test_training_raises_the_elbo(kind: str) -> None:
    vae, x = trainable(kind)
    before = estimate_elbo(vae, x, num_samples=16, seed=0).elbo.mean()

    run(vae, x)

    assert estimate_elbo(vae, x, num_samples=16, seed=0).elbo.mean() > before + 1


@pytest.mark.parametrize("kind", ["gaussian_full", "bernoulli_mixture_prior", "mixed_vamp_prior"])
def test_training_learns_priors_and_full_posteriors(kind: str) -> None:
    vae, x = trainable(kind)
    before = estimate_elbo(vae, x, num_samples=16, seed=0).elbo.mean()

    run(vae, x)

    assert estimate_elbo(vae, x, num_samples=16, seed=0).elbo.mean() > before + 0.5


def test_the_same_seed_gives_the_same_weights() -> None:
    (first, x), (second, _) = trainable("mixed"), trainable("mixed")

    run(first, x, input_dropout=0.2)
    run(second, x, input_dropout=0.2)

    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_the_kept_weights_are_those_with_the_best_reported_score() -> None:
    vae, x = trainable("gaussian")

    reports = run(vae, x, learning_rate=0.3)

    scores = [r.validation_elbo for r in reports[2:] if r.validation_elbo is not None]
    kept = float(estimate_elbo(vae, x[:40], num_samples=16, seed=0).elbo.mean())
    assert kept == pytest.approx(max(scores), rel=1e-6)


def test_patience_ends_a_run_that_stands_still() -> None:
    vae, x = trainable("gaussian")

    reports = run(vae, x, learning_rate=1e-12, patience_fraction=0.2, ema_decay=0.0)

    assert len(reports) < 12


def test_a_single_step_without_a_finite_gradient_is_skipped_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vae, x = trainable("gaussian")
    poison(monkeypatch, steps={3})

    reports = run(vae, x)

    assert reports[-1].skipped_steps == 1
    assert all(p.isfinite().all() for p in vae.parameters())


def test_gradients_that_stay_non_finite_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    vae, x = trainable("gaussian")
    poison(monkeypatch, steps=set(range(1_000)))

    with pytest.raises(DivergedError, match="50 steps in a row; a smaller --learning-rate"):
        run(vae, x)


def poison(monkeypatch: pytest.MonkeyPatch, *, steps: set[int]) -> None:
    """Makes the loss NaN at some steps."""
    plain, count = Objective.__call__, iter(range(10_000))

    def poisoned(self: Objective, y: Tensor) -> Terms:
        terms = plain(self, y)
        factor = float("nan") if next(count) in steps else 1.0
        return Terms(terms.reconstruction * factor, terms.kl_divergence)

    monkeypatch.setattr(Objective, "__call__", poisoned)


def test_validation_leaves_no_dropout_and_no_gradient_behind() -> None:
    vae, x = trainable("gaussian")

    run(vae, x, input_dropout=0.5)

    assert not vae.training


def test_objective_at_weight_one_averages_to_the_elbo() -> None:
    vae, x = trainable("gaussian")
    objective = Objective(vae, input_dropout=0.0, generator=torch.Generator().manual_seed(0))
    rows = vae.to_model_units(x[:1]).select(torch.zeros(100_000, dtype=torch.int64))

    with torch.no_grad():
        draws = objective(rows).objective(kl_weight=1.0, free_bits=0.0)

    exact = estimate_elbo(vae, x[:1], num_samples=20_000, seed=0)
    assert float(draws) == pytest.approx(float(exact.elbo), abs=0.2)


def test_free_bits_make_small_divergences_cost_the_same() -> None:
    terms = Terms(torch.zeros(3), torch.tensor([[0.1, 2.0]]).expand(3, 2))

    objective = terms.objective(kl_weight=1.0, free_bits=0.5)

    assert float(objective) == pytest.approx(-2.5)


def epoch(batches: Batches) -> Tensor:
    return torch.cat([rows.y for rows in batches])


def test_an_epoch_hands_out_every_row_once_in_another_order() -> None:
    y = torch.arange(10.0)[:, None]
    batches = Batches(Rows(y, torch.zeros(1)), size=4, seed=0)

    first, second = epoch(batches), epoch(batches)

    assert len(batches) == 3
    assert torch.equal(first.sort(dim=0).values, y)
    assert not torch.equal(first, second)


def test_resampled_pixels_differ_between_epochs_and_average_to_their_grey() -> None:
    rows = Rows(torch.full((2_000, 1), 0.3), torch.zeros(1))
    batches = Batches(rows, size=500, seed=0, resample=True)

    first, second = epoch(batches), epoch(batches)

    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(first, second)
    assert float(first.mean()) == pytest.approx(0.3, abs=0.04)


def test_learning_rate_warms_up_and_falls_to_zero() -> None:
    rates = [learning_rate(s, 100, peak=1.0, warmup=10) for s in range(101)]

    assert rates[:10] == pytest.approx([(s + 1) / 10 for s in range(10)])
    assert max(rates) == 1.0
    assert rates[100] == pytest.approx(0, abs=1e-12)
    assert all(a >= b for a, b in pairwise(rates[10:]))


def test_kl_weight_ends_at_exactly_one() -> None:
    assert [kl_weight(s, warmup=4) for s in (0, 1, 4, 9)] == [0, 0.25, 1, 1]
    assert kl_weight(0, warmup=0) == 1


def test_averaging_starts_short_and_ends_at_its_decay() -> None:
    assert averaging_decay(0, decay=0.999) == pytest.approx(0.1)
    assert averaging_decay(10**6, decay=0.999) == 0.999
    assert math.isclose(averaging_decay(90, decay=0.999), 0.91)
