"""What is promised of anomalies: few false alarms, and the feature to blame named first."""

from functools import cache

import pytest
import torch
from scipy.stats import binom
from torch import Tensor

from model_store.calibration import Calibration, calibrate
from model_store.detection import Detection, detect
from model_store.false_discoveries import benjamini_hochberg
from model_store.vae.anomaly import SCORE_KINDS, ScoreKind
from model_store.vae.model import VAE
from tests.linear_gaussian import random_linear_gaussian

MODEL = random_linear_gaussian(12, 3, 0, orthogonal=True)
RATES = (0.1, 0.05, 0.01)


@cache
def vae() -> VAE:
    return MODEL.vae(posterior="full")


def calibration(rows: int = 999, seed: int = 1) -> Calibration:
    x = MODEL.sample(rows + 400, seed)
    return calibrate(vae(), x[400:], x[:200], x[200:400], num_samples=4, seed=0)


def detected(x: Tensor, by: Calibration, explain: int = 0) -> Detection:
    return detect(vae(), x, calibration=by, num_samples=4, seed=0, explain=explain)


@pytest.mark.parametrize("kind", SCORE_KINDS)
def test_fresh_clean_rows_are_flagged_at_the_rate_at_most(kind: ScoreKind) -> None:
    """Over calibration sets as well: with one of them the share is itself random."""
    flagged = dict.fromkeys(RATES, 0)
    for seed in range(20):
        by = calibration(seed=seed)
        p_values = by.p_values(kind, detected(MODEL.sample(50, 1_000 + seed), by).scores[kind])
        for rate in RATES:
            flagged[rate] += int((p_values <= rate).sum())

    for rate, count in flagged.items():
        assert count <= binom.ppf(0.999, 20 * 50, rate)
        assert count > 0


def false_shares(seed: int) -> Tensor:
    """Of the rows flagged in requests of 40 clean rows and 10 odd ones, by one calibration."""
    by = calibration(rows=300, seed=seed)
    clean = detected(MODEL.sample(1_600, 100 + seed), by).scores["combined"].view(-1, 40)
    odd = detected(MODEL.sample(400, 200 + seed) + 2.0, by).scores["combined"].view(-1, 10)
    shares = torch.zeros(40, dtype=torch.float64)
    for i, request in enumerate(torch.cat([clean, odd], dim=1)):
        p_values = by.p_values("combined", request)
        flagged = p_values <= (benjamini_hochberg(p_values, 0.1) or 0.0)
        shares[i] = flagged[:40].sum() / flagged.sum().clamp(min=1)
    return shares


def test_the_false_discovery_rate_is_at_most_the_one_asked_for() -> None:
    """On average over calibrations, of 1,000 requests; the share of one calibration is random."""
    means = torch.stack([false_shares(seed).mean() for seed in range(25)])

    assert 0 < float(means.mean()) <= 0.1 + 2 * float(means.std()) / len(means) ** 0.5


def test_a_shift_of_four_deviations_is_named_first() -> None:
    x = MODEL.sample(300, 4)
    planted = torch.randint(12, (300, 1), generator=torch.Generator().manual_seed(0))
    deviations = MODEL.covariance.diagonal().sqrt()
    shifted = x.scatter_add(1, planted, 4 * deviations[planted])
    by = calibration()

    found = detected(shifted, by, explain=1)

    assert found.explanation is not None
    flagged = by.p_values("combined", found.scores["combined"]) <= 0.05
    named = found.explanation.features == planted
    assert int(flagged.sum()) > 100
    assert float(named[flagged].double().mean()) >= 0.9
