"""`GET /metrics`: whoever is asked, the same numbers; whatever happens, they do not go back."""

import os
import re
import signal
import time
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app import inference
from app.exposition import FAMILIES
from tests.builders import small_store
from tests.commands import two_workers, wait_for, workers_of
from tests.service import serving

ROWS = {"inputs": [[[0, 0, 0], [0, 0, 0]]] * 3}
ELBO = "/v1/models/{model}/elbo"


def samples(response: httpx.Response) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = list(text_string_to_metric_families(response.text))
    assert [family.name for family in families] == [f.name.removesuffix("_total") for f in FAMILIES]
    return {(s.name, *s.labels.values()): s.value for f in families for s in f.samples}


def test_it_needs_no_model(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        read = samples(service.get("/metrics"))

    assert read["vae_requests_in_flight",] == 1  # the very one that asks
    assert read["vae_workers",] == read["vae_workers_configured",] == 1
    assert read["process_resident_memory_bytes",] > 10_000_000
    assert 0 < time.time() - read["process_start_time_seconds",] < 60


def test_it_is_there_while_models_are_still_being_loaded(tmp_path: Path) -> None:
    small_store(tmp_path, "m")

    with serving(tmp_path, ready=False) as service:
        assert samples(service.get("/metrics"))


def test_routes_are_few_whatever_is_asked(tmp_path: Path) -> None:
    small_store(tmp_path, "m")

    with serving(tmp_path, max_body_bytes=1000) as service:
        for model in ("m", "m@1", "nobody", "%00"):
            service.post(f"/v1/models/{model}/elbo", ROWS)
            service.get(f"/v1/models/{model}")
            service.get(f"/somewhere/{model}")
        service.post("/v1/models/m/elbo", b" " * 2000)
        service.get("/v1/models/m/elbo")
        read = samples(service.get("/metrics"))

    assert {key[1:]: n for key, n in read.items() if key[0] == "vae_requests_total"} == {
        (ELBO, "200"): 2,
        (ELBO, "404"): 2,
        (ELBO, "405"): 1,
        (ELBO, "413"): 1,
        ("/v1/models/{model}", "200"): 2,
        ("/v1/models/{model}", "404"): 2,
        ("other", "404"): 4,
    }
    assert read["vae_request_duration_seconds_count", ELBO] == 6


def test_models_are_told_by_name_and_version(tmp_path: Path) -> None:
    small_store(tmp_path, "m", "m")

    with serving(tmp_path) as service:
        before = samples(service.get("/metrics"))
        service.ask("elbo", "m@1", **ROWS)
        after = samples(service.get("/metrics"))

    assert before["vae_model_loaded", "m", "2"] == 1
    assert ("vae_model_loaded", "m", "1") not in before
    assert after["vae_model_loaded", "m", "1"] == 1


def test_questions_and_batches_are_counted(tmp_path: Path) -> None:
    small_store(tmp_path, "m")

    with serving(tmp_path) as service:
        before = samples(service.get("/metrics"))
        for _ in range(2):
            service.ask("elbo", "m", **ROWS)
        service.post("/v1/models/m/elbo", {"inputs": [[[1e300, 0, 0], [0, 0, 0]]]})
        after = samples(service.get("/metrics"))

    def more(name: str, *labels: str) -> float:
        return after[name, *labels] - before[name, *labels]

    assert (
        more("vae_question_rows_count", "m", "1") == more("vae_batch_duration_seconds_count") == 3
    )
    assert more("vae_question_rows_sum", "m", "1") == more("vae_batch_rows_sum") == 7
    assert more("vae_batch_duration_seconds_sum") > 0
    assert after["vae_questions_waiting",] == 0


def test_a_long_question_is_counted_slice_by_slice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "BRIEF_WORK", 1)
    monkeypatch.setattr(inference, "_SLICE_WORK", 20_000)
    small_store(tmp_path, "m")

    with serving(tmp_path) as service:
        before = samples(service.get("/metrics"))
        service.ask("elbo", "m", inputs=ROWS["inputs"] * 9)
        after = samples(service.get("/metrics"))

    assert after["vae_batch_rows_sum",] - before["vae_batch_rows_sum",] == 27
    assert after["vae_batch_rows_count",] - before["vae_batch_rows_count",] > 2


def ask(address: str, times: int) -> None:
    """So many questions, each on a connection of its own: the kernel chooses who answers."""
    for _ in range(times):
        httpx.post(f"{address}{ELBO.format(model='m')}", json=ROWS).raise_for_status()


def counted(address: str) -> float:
    return samples(httpx.get(f"{address}/metrics"))["vae_requests_total", ELBO, "200"]


def test_whichever_worker_is_asked_tells_of_all(tmp_path: Path) -> None:
    with two_workers(tmp_path) as (_, address):
        ask(address, 20)
        # A request is counted just after its answer has gone out.
        wait_for(lambda: counted(address) == 20)
        reads = [samples(httpx.get(f"{address}/metrics")) for _ in range(20)]

    assert {read["vae_requests_total", ELBO, "200"] for read in reads} == {20}
    assert {read["vae_model_loaded", "m", "1"] for read in reads} == {2}
    assert {read["vae_workers",] for read in reads} == {2}
    scrapes = [read.get(("vae_requests_total", "/metrics", "200"), 0) for read in reads]
    assert scrapes == sorted(scrapes)


def test_what_a_killed_worker_counted_stays(tmp_path: Path) -> None:
    with two_workers(tmp_path) as (running, address):
        ask(address, 20)
        wait_for(lambda: counted(address) == 20)
        before = samples(httpx.get(f"{address}/metrics"))
        for pid in workers_of(running):
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda pid=pid: pid not in workers_of(running))
            wait_for(lambda: len(workers_of(running)) == 2 and answers(address))
        wait_for(lambda: samples(httpx.get(f"{address}/metrics"))["vae_requests_in_flight",] == 1)
        after = samples(httpx.get(f"{address}/metrics"))

    counters = [key for key in before if re.search("_total$|_bucket$|_count$", key[0])]
    assert all(after[key] >= before[key] for key in counters)
    assert after["vae_requests_total", ELBO, "200"] == 20
    assert after["vae_worker_restarts_total",] == 2
    assert after["process_start_time_seconds",] == before["process_start_time_seconds",]


def answers(address: str) -> bool:
    read = samples(httpx.get(f"{address}/metrics"))
    return read["vae_workers",] == read["vae_model_loaded", "m", "1"] == 2
