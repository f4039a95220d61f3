"""`anomaly`: calibrated scores, what they are made of, and the same rows back."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from model_store.false_discoveries import benjamini_hochberg
from model_store.vae.anomaly import SCORE_KINDS
from tests.builders import calibrated_checkpoint, calibrated_table, small_store
from tests.calibrations import small_calibration
from tests.models import random_rows
from tests.service import Service, places, refused, serving

ROWS = random_rows("gaussian", 40, seed=7).tolist()
FAR = (random_rows("gaussian", 1) * 9).tolist()
RECORD = {"age": 1.5, "member": 1, "colour": "red", "visits": 3, "gap": -0.5, "job": "cook"}
RECORDS = [RECORD, {**RECORD, "visits": 90}, {**RECORD, "gap": None, "job": None}]
ANOMALY = "/v1/models/gaussian/anomaly"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"), "plain")
    store.publish("gaussian", calibrated_checkpoint())
    store.publish("table", calibrated_table())
    with serving(store.root, max_row_samples=50_000) as service:
        yield service


def test_a_row_far_away_is_flagged_and_a_usual_one_is_not(service: Service) -> None:
    answer = service.ask("anomaly", inputs=ROWS[:1] + FAR)

    assert answer["is_anomaly"] == [False, True]
    assert answer["p_value"][1] == answer["smallest_rate"] == 0.01
    assert answer["calibration_rows"] == 99
    assert (answer["scored_by"], answer["units"]) == ("combined", "nats")


@pytest.mark.parametrize("kind", SCORE_KINDS)
@pytest.mark.parametrize("rate", [0.01, 0.07, 0.29, 0.5])
def test_flagged_is_what_scores_above_the_threshold(
    service: Service, kind: str, rate: float
) -> None:
    answer = service.ask("anomaly", inputs=ROWS, score=kind, false_positive_rate=rate)

    assert answer["p_value_threshold"] == rate
    assert answer["is_anomaly"] == [p <= rate for p in answer["p_value"]]
    assert answer["is_anomaly"] == [score > answer["threshold"] for score in answer["score"]]


@pytest.mark.parametrize("kind", SCORE_KINDS)
def test_p_values_are_places_among_the_calibration_rows(service: Service, kind: Any) -> None:  # noqa: ANN401
    answer = service.ask("anomaly", inputs=ROWS, score=kind)

    p_values = small_calibration().p_values(kind, torch.tensor(answer["score"]))
    np.testing.assert_array_equal(answer["p_value"], p_values)


def test_all_scores_are_those_that_are_asked_for_alone(service: Service) -> None:
    every = service.ask("anomaly", inputs=ROWS[:3], score="all")

    assert every["scored_by"] == "combined"
    assert every["scores"].keys() == every["p_values"].keys() == set(SCORE_KINDS)
    for kind in SCORE_KINDS:
        alone = service.ask("anomaly", inputs=ROWS[:3], score=kind)
        assert every["scores"][kind] == alone["score"]
        assert every["p_values"][kind] == alone["p_value"]


@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_fdr_ends_where_benjamini_and_hochberg_do(service: Service, rate: float) -> None:
    answer = service.ask("anomaly", inputs=ROWS + FAR * 20, fdr=rate)

    limit = benjamini_hochberg(torch.tensor(answer["p_value"], dtype=torch.float64), rate)
    assert limit is not None
    assert answer["p_value_threshold"] == limit
    assert answer["is_anomaly"] == [p <= limit for p in answer["p_value"]]
    assert answer["is_anomaly"] == [score > answer["threshold"] for score in answer["score"]]


def test_fdr_may_flag_nothing(service: Service) -> None:
    answer = service.ask("anomaly", inputs=ROWS[:1], fdr=0.001)

    assert answer["is_anomaly"] == [False]
    assert answer["threshold"] is answer["p_value_threshold"] is None


def test_fdr_looks_at_the_rows_of_its_own_request(service: Service) -> None:
    bodies = [{"inputs": FAR, "fdr": 0.02}, {"inputs": ROWS, "fdr": 0.02}]
    alone = [service.ask("anomaly", **body) for body in bodies]

    async def at_once() -> list[httpx.Response]:
        sent = [service.sent("anomaly", "gaussian", body) for body in bodies * 5]
        return await asyncio.gather(*sent)

    together = [response.json()["is_anomaly"] for response in service.portal.call(at_once)]

    assert together == [answer["is_anomaly"] for answer in alone] * 5


def test_a_row_is_scored_alike_whatever_stands_beside_it(service: Service) -> None:
    together = service.ask("anomaly", "table", records=RECORDS, score="all", explain=6)

    for i, record in enumerate(RECORDS):
        alone = service.ask("anomaly", "table", records=[record], score="all", explain=6)
        assert together["p_value"][i] == alone["p_value"][0]
        for kind in SCORE_KINDS:
            assert together["scores"][kind][i] == pytest.approx(alone["scores"][kind][0], rel=1e-5)
        named = [[each["feature"] for each in a] for a in (together["explanation"][i],)]
        assert named == [[each["feature"] for each in alone["explanation"][0]]]


@pytest.mark.parametrize("explain", [1, 3, 6])
def test_contributions_add_up_to_the_elbo_score(service: Service, explain: int) -> None:
    answer = service.ask("anomaly", "table", records=RECORDS, explain=explain, score="elbo")

    sums = [sum(each["contribution_nats"] for each in row) for row in answer["explanation"]]
    rest = np.sum([answer[n] for n in ("typical", "other_features", "kl_divergence")], axis=0)
    np.testing.assert_allclose(answer["score"], sums + rest, rtol=1e-9)
    assert answer["elbo_score"] == answer["score"]
    if explain == 6:
        assert answer["other_features"] == [0, 0, 0]


def test_the_odd_feature_is_named_first_with_what_was_expected(service: Service) -> None:
    answer = service.ask("anomaly", "table", records=[{**RECORD, "visits": 90}], explain=2)

    first, second = answer["explanation"][0]
    assert (first["feature"], first["value"]) == ("visits", 90)
    assert first["contribution_nats"] > second["contribution_nats"]
    assert first["expected"] < 10
    assert first["standard_deviation"] > 0
    assert "probability" not in first


def test_what_was_expected_is_what_imputation_says_of_the_others(service: Service) -> None:
    answer = service.ask("anomaly", "table", records=[RECORD], explain=6)

    for each in answer["explanation"][0]:
        hidden = {**RECORD, each["feature"]: None}
        imputed = service.ask("impute", "table", records=[hidden], num_samples=64, seed=0)
        place = list(RECORD).index(each["feature"])
        if each["standard_deviation"] is not None:
            assert each["expected"] == pytest.approx(imputed["outputs"][0][place], rel=1e-4)


def test_categories_are_explained_by_name_and_probability(service: Service) -> None:
    answer = service.ask("anomaly", "table", records=[RECORD], explain=6)

    colour = next(each for each in answer["explanation"][0] if each["feature"] == "colour")
    assert colour["value"] == "red"
    assert colour["expected"] in ("blue", "green", "red")
    assert 0 < colour["probability"] <= colour["expected_probability"] < 1
    assert colour["standard_deviation"] is None


def test_what_is_missing_is_not_named(service: Service) -> None:
    answer = service.ask("anomaly", "table", records=[RECORDS[2], {}], explain=6)

    assert {each["feature"] for each in answer["explanation"][0]} == set(RECORD) - {"gap", "job"}
    assert answer["explanation"][1] == []
    assert answer["typical"][1] == answer["other_features"][1] == 0


def test_numbers_stay_finite_however_far_a_row_is(service: Service) -> None:
    answer = service.ask("anomaly", inputs=[[[1e300] * 3] * 2], score="all", explain=6)

    assert answer["is_anomaly"] == [True]


@pytest.mark.parametrize(
    ("options", "place", "said"),
    [
        ({"false_positive_rate": 0.005}, "false_positive_rate", "needed 0.01 or more"),
        ({"false_positive_rate": 0}, "false_positive_rate", "greater than 0"),
        ({"false_positive_rate": 1}, "false_positive_rate", "less than 1"),
        ({"fdr": 0}, "fdr", "greater than 0"),
        ({"fdr": 1}, "fdr", "less than 1"),
        ({"fdr": 0.1, "false_positive_rate": 0.01}, "fdr", "needed one of the two"),
        ({"explain": 7}, "explain", "this model has 6 features"),
        ({"explain": -1}, "explain", "greater than or equal to 0"),
        ({"score": "elb"}, "score", "'typicality' or 'all'"),
        ({"num_samples": 16}, "num_samples", "no field num_samples"),
        ({"seed": 1}, "seed", "no field seed"),
    ],
)
def test_options_that_cannot_be_met_are_refused(
    service: Service, options: dict[str, Any], place: str, said: str
) -> None:
    problem = refused(service.post(ANOMALY, {"inputs": ROWS[:1], **options}), 422)

    assert places(problem) == [place]
    assert said in problem["detail"]


def test_the_smallest_rate_can_be_asked_for_as_it_is_shown(service: Service) -> None:
    problem = refused(service.post(ANOMALY, {"inputs": FAR, "false_positive_rate": 1e-9}), 422)
    rate = float(problem["detail"].split("needed ")[1].split(" or")[0])

    answer = service.ask("anomaly", inputs=FAR, false_positive_rate=rate)

    assert answer["is_anomaly"] == [True]


def test_a_model_without_calibration_is_409_and_says_what_to_run(service: Service) -> None:
    problem = refused(service.post("/v1/models/plain/anomaly", {"inputs": ROWS[:1]}), 409)

    assert "needed `vae-store calibrate plain DATA`" in problem["detail"]


def test_a_value_outside_the_support_is_refused_by_name(service: Service) -> None:
    body = {"records": [RECORD, {**RECORD, "visits": -1}]}

    problem = refused(service.post("/v1/models/table/anomaly", body), 422)

    assert places(problem) == ["records[1]"]
    assert "'visits'" in problem["detail"]


def test_explanations_count_as_work(service: Service) -> None:
    body = {"inputs": ROWS * 5, "explain": 6}

    problem = refused(service.post(ANOMALY, body), 413)

    assert "384 more for explain = 6" in problem["detail"]


def test_safetensors_hold_the_same_answer(service: Service) -> None:
    media_type = "application/vnd.safetensors"
    headers = {"Content-Type": media_type, "Accept": media_type}

    response = service.post(
        f"{ANOMALY}?score=all&explain=2", save({"inputs": np.array(ROWS)}), **headers
    )

    shown = service.ask("anomaly", inputs=ROWS, score="all", explain=2)
    arrays = load(response.content)
    np.testing.assert_array_equal(arrays["is_anomaly"], shown["is_anomaly"])
    for name in ("score", "p_value", "elbo_score", "typical", "other_features"):
        np.testing.assert_array_equal(arrays[name], shown[name])
    np.testing.assert_array_equal(arrays["scores.latent"], shown["scores"]["latent"])


def test_the_p_values_that_were_given_are_what_drift_looks_at(service: Service) -> None:
    before = service.get("/v1/models/gaussian/drift?score=latent").json()["rows"]

    service.ask("anomaly", inputs=ROWS, score="latent")

    after = service.get("/v1/models/gaussian/drift?score=latent").json()
    assert after["rows"] - before == len(ROWS)
