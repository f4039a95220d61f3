"""What is counted, and how it reads."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app import exposition
from app.exposition import FAMILIES, Exposition
from app.metrics import SECONDS, Metrics
from app.workers import Worker

OPERATIONS = Path(__file__).parents[3] / "docs/operations.md"


def samples(worker: Worker) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels, as Prometheus' own parser reads it."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(Exposition(worker).text().decode())
        for sample in family.samples
    }


def test_requests_are_told_apart_by_route_and_status() -> None:
    worker = Worker.alone()
    metrics = Metrics(worker)
    for route, status in (("/a", 200), ("/a", 200), ("/a", 422), (None, 404), ("/b", None)):
        metrics.request_ended(route, status, 0.1)

    read = samples(worker)

    assert read["vae_requests_total", "/a", "200"] == 2
    assert read["vae_requests_total", "/a", "422"] == 1
    assert read["vae_requests_total", "other", "404"] == 1
    assert read["vae_requests_total", "/b", "499"] == 1
    assert read["vae_request_duration_seconds_count", "/a"] == 3


def test_a_bucket_holds_what_is_not_above_its_bound() -> None:
    worker = Worker.alone()
    metrics = Metrics(worker)
    for seconds in (0.0001, 0.5, 0.5000001, 1000.0):
        metrics.batch_computed(3, seconds)

    read = samples(worker)
    buckets = [read["vae_batch_duration_seconds_bucket", str(bound)] for bound in SECONDS]

    assert buckets == [1.0] * 10 + [2.0] + [3.0] * 6
    assert read["vae_batch_duration_seconds_bucket", "+Inf"] == 4
    assert read["vae_batch_duration_seconds_sum",] == pytest.approx(1001.0001001)
    assert read["vae_batch_rows_sum",] == 12


def test_questions_wait_until_they_are_over() -> None:
    worker = Worker.alone()
    metrics = Metrics(worker)
    for rows in (1, 2, 300):
        metrics.question_asked("m", 7, rows)
    metrics.question_over()
    metrics.question_over()

    read = samples(worker)

    assert read["vae_questions_waiting",] == 1
    assert read["vae_question_rows_sum", "m", "7"] == 303


def test_numbers_of_all_workers_are_added_up() -> None:
    workers = two()
    for worker in workers:
        metrics = Metrics(worker)
        metrics.request_begun()
        metrics.model_loaded("m", 1)
        metrics.request_ended("/a", 200, 0.25)
        metrics.request_begun()

    read = samples(workers[0])

    assert read["vae_requests_total", "/a", "200"] == 2
    assert read["vae_request_duration_seconds_sum", "/a"] == 0.5
    assert read["vae_requests_in_flight",] == 2
    assert read["vae_model_loaded", "m", "1"] == 2
    assert read["vae_workers_configured",] == 2


def test_who_takes_anothers_place_keeps_its_counts_but_not_its_state() -> None:
    first, _ = two()
    metrics = Metrics(first)
    metrics.request_begun()
    metrics.model_loaded("m", 1)
    metrics.request_ended("/a", 200, 0.25)
    metrics.request_begun()

    Metrics(Worker(0, first.loaded, True, numbers=first.numbers))
    read = samples(first)

    assert read["vae_requests_total", "/a", "200"] == 1
    assert read["vae_worker_restarts_total",] == 1
    assert read["vae_requests_in_flight",] == read["vae_model_loaded", "m", "1"] == 0


def test_where_the_kernel_does_not_tell_the_rest_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "usage_of", lambda *_: None)

    read = samples(Worker.alone())

    assert ("process_resident_memory_bytes",) not in read
    assert read["vae_workers_configured",] == 1


def test_every_metric_is_named_by_the_conventions() -> None:
    for family in FAMILIES:
        assert re.fullmatch(r"(vae|process)_[a-z_]+", family.name)
        assert family.name.endswith("_total") == (family.kind == "counter"), family.name
        assert family.help.endswith("."), family.name


def test_the_documentation_has_every_metric_as_it_is() -> None:
    rows = re.findall(r"^\| `((?:vae|process)_.*)$", OPERATIONS.read_text(), re.MULTILINE)

    assert [f"| `{row}" for row in rows] == [
        f"| `{f.name}` | {f.kind} | {', '.join(f'`{label}`' for label in f.labels) or 'none'} "
        f"| {f.help} |"
        for f in FAMILIES
    ]


def two() -> tuple[Worker, Worker]:
    """Two workers that share what workers share."""
    first = Worker(0, bytearray(2), supervisor=0)
    numbers = type(first.numbers)(2)
    return (
        Worker(0, first.loaded, numbers=numbers),
        Worker(1, first.loaded, numbers=numbers),
    )
