import math
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.anomaly.alarms import false_discoveries, flagged
from benchmarks.anomaly.contest import Measured
from benchmarks.anomaly.explanations import informed_guess, plant
from benchmarks.anomaly.images import read_tasks
from benchmarks.anomaly.references import REFERENCES, Detector, finite
from benchmarks.anomaly.runs import CalibratedModel
from benchmarks.anomaly.tables import MAX_FIT_ROWS, LabelledTable, halve
from tests.calibrations import small_calibration
from tests.linear_gaussian import random_linear_gaussian
from tests.models import random_rows, small_vae


def table(rows: int, anomalies: int) -> LabelledTable:
    """Two columns of noise and a category; the last rows are the anomalies, far away."""
    is_anomaly = np.arange(rows) >= rows - anomalies
    noise = np.random.default_rng(0).normal(size=(rows, 2))
    codes = (np.arange(rows) % 2).reshape(-1, 1)
    return LabelledTable("made", noise + 20 * is_anomaly[:, None], codes, (3,), is_anomaly)


def test_half_the_normal_rows_are_fitted_on_and_all_others_scored() -> None:
    made = table(rows=30, anomalies=10)

    halves = halve(made, seed=0)

    assert len(halves.fit) == 10
    assert not made.is_anomaly[halves.fit].any()
    assert sorted([*halves.fit, *halves.scored]) == list(range(30))


def test_no_more_rows_are_fitted_on_than_the_protocol_says() -> None:
    assert len(halve(table(rows=2 * MAX_FIT_ROWS + 100, anomalies=1), seed=0).fit) == MAX_FIT_ROWS


def test_another_seed_is_another_half() -> None:
    made = table(rows=40, anomalies=2)

    assert set(halve(made, seed=0).fit) != set(halve(made, seed=1).fit)


def test_a_file_of_some_rows_knows_every_category() -> None:
    frame = table(rows=4, anomalies=1).frame(np.array([0]))

    assert frame["c0"].dtype.categories.to_list() == ["0", "1", "2"]  # type: ignore[attr-defined]


def test_categories_are_columns_of_their_own_to_detectors_of_numbers() -> None:
    rows = table(rows=4, anomalies=1).one_hot(np.array([0, 1]))

    assert rows[:, 2:].tolist() == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("detect", REFERENCES.values(), ids=REFERENCES)
def test_references_score_rows_far_from_the_others_higher(detect: Detector) -> None:
    made = table(rows=200, anomalies=20)
    halves = halve(made, seed=0)

    scores = detect(made.one_hot(halves.fit), made.one_hot(halves.scored), 0)

    assert Measured.of(scores, made.is_anomaly[halves.scored]).auroc == 1.0


def test_clean_rows_are_flagged_at_a_rate_that_the_calibration_can_tell() -> None:
    p_values = np.arange(1, 101) / 100

    assert flagged(p_values, calibration_rows=99, rate=0.05).share == 0.05
    assert flagged(p_values, calibration_rows=98, rate=0.01).share is None


def test_the_noise_of_a_share_is_that_of_both_draws() -> None:
    p_values = np.full(100, 0.5)

    assert flagged(p_values, calibration_rows=98, rate=0.5).noise == pytest.approx(
        math.sqrt(0.25 * (0.01 + 0.01))
    )


def test_requests_of_rows_that_are_told_apart_have_no_false_discoveries() -> None:
    is_anomaly = np.arange(200) >= 180
    p_values = np.where(is_anomaly, 0.001, 0.8)

    false, found = false_discoveries(p_values, is_anomaly, requests=5, seed=0)

    assert false.tolist() == [0.0] * 5
    assert found.tolist() == [1.0] * 5


def test_a_false_discovery_is_a_clean_row_among_the_flagged() -> None:
    is_anomaly = np.arange(200) >= 180

    false, found = false_discoveries(np.full(200, 0.001), is_anomaly, requests=2, seed=0)

    assert false.tolist() == [0.9, 0.9]
    assert found.tolist() == [1.0, 1.0]


def test_one_feature_of_each_row_is_shifted_by_four_deviations() -> None:
    x = torch.zeros(50, 3, dtype=torch.float64)

    moved, chosen = plant(x, torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64), seed=0)

    assert set(chosen.tolist()) == {0, 2}
    assert (moved != 0).sum(dim=1).tolist() == [1] * 50
    assert set(moved[:, 0].tolist()) == {-4.0, 0.0, 4.0}
    assert set(moved[:, 2].tolist()) == {-8.0, 0.0, 8.0}


def test_who_knows_the_size_of_a_shift_guesses_the_feature() -> None:
    model = random_linear_gaussian(12, 3, 0, orthogonal=True)
    deviations = model.covariance.diagonal().sqrt()
    deviations[5] = 0.0
    x, shifted = plant(model.sample(200), deviations, seed=0)

    guessed = informed_guess(model.vae(posterior="full"), x, deviations)

    assert float((guessed == shifted).double().mean()) > 0.9


def test_scores_that_overflow_can_be_ranked() -> None:
    ranked = finite(np.array([1.0, np.inf, np.nan]))

    assert np.isfinite(ranked).all()
    assert (ranked[1:] > ranked[0]).all()


def test_the_digit_that_is_left_out_is_all_of_the_others(tmp_path: Path) -> None:
    labels = np.array([0, 1, 2, 1], dtype=np.uint8)
    pictures = np.repeat(labels, 4).reshape(4, 2, 2)
    np.savez(tmp_path / "mnist.npz", X=pictures, y=labels, X_test=pictures, y_test=labels)
    np.savez(tmp_path / "fashion_mnist_30k.npz", X=pictures + 9, X_test=pictures + 9)

    task = read_tasks(tmp_path)["digits but 1, against 1"]

    assert (task.train != 1).all()
    assert (task.same != 1).all()
    assert (task.other == 1).all()


def test_rows_without_a_density_have_the_smallest_p_value() -> None:
    kind = "gaussian_all_logarithms"
    model = CalibratedModel(small_vae(kind), small_calibration(kind), random_rows(kind, 5))
    x = random_rows(kind, 2, seed=3)
    x[1] *= -1

    p_values = model.p_values("combined", model.scores(x)["combined"])

    assert p_values[1] == model.calibration.smallest_rate
    assert p_values[0] > p_values[1]
