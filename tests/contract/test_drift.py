"""`GET /v1/models/{model}/drift`: what has been seen of p-values, whoever saw it, and for good."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

from app.client import calls
from app.client.answers import Drift as DriftAnswer
from app.shared_numbers import SharedNumbers
from app.workers import Worker
from model_store.store import FolderStore
from tests.builders import calibrated_checkpoint, small_checkpoint
from tests.commands import START_SECONDS, announced, process, wait_for
from tests.service import Service, places, refused, serving

ROWS = [[[0, 0, 0], [0, 0, 0]]] * 3
CLEAN, CHANGED = 1.0, 0.1  # p-values are uniform between 0 and this


@contextmanager
def calibrated(
    tmp_path: Path, worker: Worker | None = None, **settings: object
) -> Iterator[Service]:
    store = FolderStore(tmp_path)
    store.publish("m", calibrated_checkpoint())
    with serving(tmp_path, worker=worker, **settings) as service:  # type: ignore[arg-type]
        yield service


def give(service: Service, rows: int, below: float = CLEAN, moved: float = 0.0) -> None:
    """As if `anomaly` had answered for these rows with such p-values."""
    drift, catalog = service.app.state.services.drift, service.app.state.services.catalog
    generator = torch.Generator().manual_seed(0)

    async def observe() -> None:
        model = await catalog.get("m")
        p_values = torch.rand(rows, generator=generator, dtype=torch.float64) * below
        excess = torch.randn(rows, len(model.features), generator=generator)
        excess[:, 1] += moved
        drift.observe(model, "combined", p_values.clamp(min=0.01), excess)

    service.portal.call(observe)


def told(service: Service, query: str = "") -> DriftAnswer:
    """As the client reads it."""
    return calls.drift("m").answer(service.get(f"/v1/models/m/drift{query}"))


def test_before_the_first_row_nothing_is_known(tmp_path: Path) -> None:
    with calibrated(tmp_path) as service:
        drift = told(service)

    assert (drift.rows, drift.calibration_rows, drift.e_value, drift.alarm) == (0, 99, 1.0, False)
    assert (drift.distance, drift.distance_limit, drift.features) == (None, None, [])


def test_rows_as_before_raise_no_alarm(tmp_path: Path) -> None:
    with calibrated(tmp_path) as service:
        give(service, 3_000)
        drift = told(service)

    assert drift.rows == sum(b["rows"] for b in drift.histogram) == 3_000
    assert not drift.alarm
    assert drift.distance is not None
    assert drift.distance_limit is not None
    assert drift.distance < drift.distance_limit


def test_other_rows_do_and_the_feature_that_moved_is_named_first(tmp_path: Path) -> None:
    with calibrated(tmp_path) as service:
        give(service, 300, CHANGED, moved=1.0)
        drift = told(service)
        name = service.app.state.services.catalog.at_hand("m").features[1].name

    assert drift.alarm
    assert drift.peak >= drift.e_value >= 100
    assert drift.features[0]["feature"] == name
    assert drift.features[0]["z"] > 5
    assert drift.features[0]["mean_excess_nats"] == pytest.approx(1, abs=0.2)


def test_the_level_says_how_much_evidence_is_an_alarm(tmp_path: Path) -> None:
    with calibrated(tmp_path) as service:
        give(service, 40, CHANGED)
        strict, lax = told(service, "?level=1e-100"), told(service, "?level=0.99")

    assert (strict.alarm, lax.alarm) == (False, True)


def test_every_score_is_seen_for_itself(tmp_path: Path) -> None:
    with calibrated(tmp_path) as service:
        give(service, 40)
        assert told(service, "?score=elbo").rows == 0
        assert told(service, "?score=combined").rows == 40


def test_a_large_answer_is_looked_at_piece_by_piece(tmp_path: Path) -> None:
    with calibrated(tmp_path) as service:
        give(service, 10_000)
        give(service, 1)
        assert told(service).rows == 10_001


def test_as_many_features_are_named_as_are_asked_for(tmp_path: Path) -> None:
    with calibrated(tmp_path) as service:
        give(service, 40)
        named = [len(told(service, f"?features={k}").features) for k in (0, 2, 1000)]

    assert named[:2] == [0, 2]
    assert named[2] > 2


def test_two_workers_tell_the_sum_of_both_whichever_is_asked(tmp_path: Path) -> None:
    numbers = SharedNumbers(2)
    first, second = (Worker(k, bytearray(b"\1\1"), numbers=numbers) for k in range(2))
    with calibrated(tmp_path, first) as one, serving(tmp_path, worker=second) as other:
        give(one, 100, CHANGED)
        give(other, 50)
        told(one)  # what it has put aside it looks at now
        drift = told(other)
        assert told(one) == drift

    assert drift.rows == 150
    assert drift.alarm


def test_who_takes_anothers_place_goes_on_from_what_it_saw(tmp_path: Path) -> None:
    numbers = SharedNumbers()
    with calibrated(tmp_path, Worker(0, bytearray(1), numbers=numbers)) as service:
        give(service, 100)
        before = told(service)
    with serving(tmp_path, worker=Worker(0, bytearray(1), True, numbers=numbers)) as service:
        after = told(service)

    assert after == before


def test_with_a_folder_it_outlives_the_service(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with calibrated(tmp_path / "store", drift_path=kept) as service:
        give(service, 200, CHANGED, moved=1.0)
        before = told(service)
    with serving(tmp_path / "store", drift_path=kept) as service:
        assert told(service) == before
        give(service, 10)
        assert told(service).rows == 210


def test_without_one_it_does_not(tmp_path: Path) -> None:
    with calibrated(tmp_path) as service:
        give(service, 200)
        told(service)
    with serving(tmp_path) as service:
        assert told(service).rows == 0


def test_a_new_version_starts_anew(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with calibrated(tmp_path / "store", drift_path=kept) as service:
        give(service, 200)
    FolderStore(tmp_path / "store").publish("m", calibrated_checkpoint())
    with serving(tmp_path / "store", drift_path=kept) as service:
        assert told(service).rows == 0
        assert service.get("/v1/models/m@1/drift").json()["rows"] == 200


def test_a_damaged_file_is_not_in_the_way(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = tmp_path / "kept"
    with calibrated(tmp_path / "store", drift_path=kept) as service:
        give(service, 200)
    (file,) = kept.iterdir()
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-10])
    with serving(tmp_path / "store", drift_path=kept) as service:
        assert told(service).rows == 0

    assert "is damaged" in caplog.text


def test_prometheus_reads_it_too(tmp_path: Path) -> None:
    with calibrated(tmp_path) as service:
        give(service, 300, CHANGED)
        drift = told(service)
        lines = service.get("/metrics").text.splitlines()

    labels = 'model="m",score="combined",version="1"'
    read = dict(line.rsplit(" ", 1) for line in lines if labels in line or "vae_p_value" in line)
    assert float(read[f"vae_drift_e_value{{{labels}}}"]) == pytest.approx(drift.e_value)
    assert float(read[f"vae_drift_e_value_peak{{{labels}}}"]) == pytest.approx(drift.peak)
    bucket = 'vae_p_value_bucket{le="0.1",model="m",score="combined",version="1"}'
    assert float(read[bucket]) == 300


def test_a_model_without_calibration_says_what_to_do(tmp_path: Path) -> None:
    FolderStore(tmp_path).publish("m", small_checkpoint())

    with serving(tmp_path) as service:
        problem = refused(service.get("/v1/models/m/drift"), 409)

    assert "vae-store calibrate m DATA" in problem["detail"]


@pytest.mark.parametrize(
    "query", ["score=mse", "level=0", "level=1", "level=nan", "features=-1", "levl=0.1"]
)
def test_what_it_cannot_tell_is_refused(tmp_path: Path, query: str) -> None:
    with calibrated(tmp_path) as service:
        problem = refused(service.get(f"/v1/models/m/drift?{query}"), 422)

    name = query.partition("=")[0]
    assert places(problem) == [name]
    assert name in problem["detail"]


def test_an_option_that_hides_something_is_not_shown(tmp_path: Path) -> None:
    with calibrated(tmp_path) as service:
        problem = refused(service.get("/v1/models/m/drift?a%0Ab=1"), 422)

    assert problem["errors"][0]["location"] == "query"


def test_a_small_answer_costs_the_event_loop_microseconds(tmp_path: Path) -> None:
    with calibrated(tmp_path) as service:
        give(service, 1)
        seen = service.app.state.services.drift._streams.values()

        assert [len(stream.aside) for stream in seen] == [1]  # put aside, not looked at
        assert told(service).rows == 1
        assert np.isfinite(told(service).log_e_value)


def test_every_row_that_anomaly_answers_for_is_seen(tmp_path: Path) -> None:
    with calibrated(tmp_path) as service:
        for score in ("combined", "all", "elbo"):
            service.ask("anomaly", "m", inputs=ROWS, score=score, false_positive_rate=0.1)
        refused(service.put("anomaly", "m", inputs=[[1]]), 422)
        seen = [told(service, f"?score={score}").rows for score in ("combined", "elbo", "latent")]

    assert seen == [6, 3, 0]


def test_the_workers_of_a_service_remember_together_what_was_asked_before(tmp_path: Path) -> None:
    FolderStore(tmp_path / "store").publish("m", calibrated_checkpoint())
    command = ("--store", str(tmp_path / "store"), "--port", "0", "--workers", "2")
    body = {"inputs": ROWS, "false_positive_rate": 0.1}

    for expected in (60, 120):
        with process("vae-serve", *command, VAE_DRIFT_PATH=str(tmp_path / "kept")) as running:
            model = announced(running)[0].removesuffix("/docs") + "/v1/models/m"
            for _ in range(20):
                httpx.post(f"{model}/anomaly", json=body).raise_for_status()
            wait_for(lambda: httpx.get(f"{model}/drift").json()["rows"] == expected)  # noqa: B023
            running.terminate()
            assert running.wait(START_SECONDS) == 0
