"""Calibrations: what scores of held-out rows tell of others, and what they do not."""

import pytest
import torch

from model_store.calibration import SCORE_KINDS, Calibration, calibrate, conformal_p_values
from tests.calibrations import small_calibration
from tests.models import random_rows, small_vae


@pytest.mark.parametrize("count", range(1, 101))
def test_the_threshold_flags_what_has_a_p_value_of_at_most_the_rate(count: int) -> None:
    calibration = small_calibration()
    rate = count / 100
    scores = calibration.ascending["combined"]

    flagged = calibration.p_values("combined", scores) <= rate

    assert torch.equal(flagged, scores > calibration.threshold("combined", rate) + 1e-4)


@pytest.mark.parametrize("rate", [0.0, 0.0099, 1.1, -1.0])
def test_a_rate_that_the_rows_cannot_tell_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=r"99 calibration rows tell rates from 0\.01 to 1"):
        small_calibration().threshold("elbo", rate)


def test_the_smallest_rate_is_that_of_its_rows() -> None:
    calibration = small_calibration()

    assert calibration.rows == 99
    assert calibration.smallest_rate == 0.01


def test_it_needs_rows() -> None:
    x = random_rows("gaussian", 20)

    with pytest.raises(ValueError, match="at least one row"):
        calibrate(small_vae("gaussian"), x[:0], x)


def of_clean_rows(calibration: Calibration) -> torch.Tensor:
    x = random_rows("mixed", 2_000, seed=11)
    scores = calibration.scores(calibration.statistics(small_vae("mixed"), x))
    return torch.stack([calibration.p_values(kind, scores[kind]) for kind in SCORE_KINDS])


def test_clean_rows_are_flagged_at_the_asked_rate() -> None:
    """On average over calibrations; of one of 99 rows the share is Beta distributed."""
    x, vae = random_rows("mixed", 2_400, seed=12), small_vae("mixed")
    calibrations = [
        calibrate(vae, part[:99], x[2_000:2_200], x[2_200:], num_samples=4)
        for part in x[:2_000].split(100)
    ]

    flagged = torch.stack([of_clean_rows(c) <= 0.1 for c in calibrations]).double().mean(dim=(0, 2))

    assert flagged.max() < 0.125
    assert flagged.min() > 0.075


def test_every_score_the_same_flags_nobody() -> None:
    p = conformal_p_values(torch.full((99,), 2.5), torch.tensor([2.5, 2.5 + 1e-7, 2.4, 2.6]))

    assert p.tolist() == [1.0, 1.0, 1.0, 0.01]


@pytest.mark.parametrize("score", [float("nan"), float("inf"), 1e300])
def test_a_score_that_is_no_number_is_the_oddest(score: float) -> None:
    p = conformal_p_values(torch.zeros(99), torch.tensor([score], dtype=torch.float64))

    assert p.tolist() == [0.01]


def test_more_rows_than_fit_a_piece_are_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, x = small_calibration(), random_rows("gaussian", 300, seed=1)
    monkeypatch.setattr("model_store.calibration.MEDIAN_ROWS", 10)

    pieces = calibrate(small_vae("gaussian"), x[:99], x[100:240], x[240:], num_samples=4)

    for kind in SCORE_KINDS:
        torch.testing.assert_close(pieces.ascending[kind], whole.ascending[kind])
