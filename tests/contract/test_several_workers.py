"""`vae-serve --workers 2`: to the outside one service, whatever happens to one of its processes."""

import os
import re
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import orjson
import pytest

from app.workers import Worker
from model_store.store import FolderStore
from tests.builders import small_store
from tests.commands import (
    BIN,
    START_SECONDS,
    announced,
    process,
    request,
    two_workers,
    wait_for,
    workers_of,
)
from tests.service import refused, serving

BODY = {"inputs": [[[0, 0, 0], [0, 0, 0]]] * 50, "num_samples": 10_000}


def refuses(address: str) -> bool:
    try:
        httpx.get(f"{address}/livez")
    except httpx.ConnectError:
        return True
    return False


def test_ready_is_when_all_are(tmp_path: Path) -> None:
    small_store(tmp_path, "m")
    loaded = bytearray(b"\x01\x00")

    with serving(tmp_path, worker=Worker(0, loaded)) as service:
        refused(service.get("/readyz"), 503)
        loaded[1] = 1
        assert service.get("/readyz").status_code == 200


def test_one_in_anothers_place_loads_before_it_answers(tmp_path: Path) -> None:
    small_store(tmp_path, "m")

    with serving(tmp_path, ready=False, worker=Worker(0, bytearray(2), True)) as service:
        assert service.app.state.services.catalog.ready.is_set()


def test_it_is_ready_for_good_once_it_says_so(tmp_path: Path) -> None:
    with two_workers(tmp_path) as (_, address):
        statuses = {httpx.get(f"{address}/readyz").status_code for _ in range(100)}

    assert statuses == {200}


def test_a_worker_that_is_killed_is_replaced_and_nobody_is_refused(tmp_path: Path) -> None:
    with two_workers(tmp_path) as (running, address):
        first, second = workers_of(running)
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: first not in workers_of(running))
        statuses = [httpx.get(f"{address}/readyz").status_code for _ in range(100)]
        wait_for(lambda: len(workers_of(running)) == 2)
        now = workers_of(running)
        running.terminate()
        _, errors = running.communicate(timeout=START_SECONDS)

    assert set(statuses) == {200}
    assert second in now
    assert re.search(rf"Worker \d \(process {first}\) ended with SIGKILL; another takes", errors)
    assert running.returncode == 0


def test_a_worker_in_anothers_place_serves_the_same_versions(tmp_path: Path) -> None:
    with two_workers(tmp_path) as (running, address):
        small_store(tmp_path, "m")
        FolderStore(tmp_path).set_alias("m", "stable", 2)
        os.kill(workers_of(running)[0], signal.SIGKILL)
        wait_for(lambda: "restarts_total 1.0" in metrics(address))
        wait_for(lambda: sum(loaded(address)) == 2)
        cards = [httpx.get(f"{address}/v1/models/m").json() for _ in range(40)]

    assert {card["version"] for card in cards} == {1}


def metrics(address: str) -> str:
    return httpx.get(f"{address}/metrics").text


def loaded(address: str) -> list[float]:
    """How many workers hold each version."""
    return [float(count) for count in re.findall(r"vae_model_loaded{.*} (.*)", metrics(address))]


def test_sigterm_lets_the_requests_of_all_finish_and_exits_0(tmp_path: Path) -> None:
    with two_workers(tmp_path) as (running, address), ExitStack() as stack:
        port = int(address.rpartition(":")[2])
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(8)
        ]
        for client in clients:
            client.sendall(request("/v1/models/m/log-likelihood", orjson.dumps(BODY)))
        time.sleep(0.2)
        running.send_signal(signal.SIGTERM)
        answers = [client.makefile("rb").readline() for client in clients]
        code = running.wait(START_SECONDS)

    assert answers == [b"HTTP/1.1 200 OK\r\n"] * 8
    assert code == 0


def test_ctrl_c_ends_all_without_a_traceback(tmp_path: Path) -> None:
    with two_workers(tmp_path) as (running, _):
        for pid in (*workers_of(running), running.pid):  # as a terminal does
            os.kill(pid, signal.SIGINT)
        _, errors = running.communicate(timeout=START_SECONDS)

    assert "Traceback" not in errors
    assert running.returncode == 0


def test_no_worker_outlives_the_supervisor(tmp_path: Path) -> None:
    with two_workers(tmp_path) as (running, address):
        workers = workers_of(running)
        running.kill()
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))

        assert refuses(address)


def test_weights_are_pages_that_nobody_has_for_himself(tmp_path: Path) -> None:
    with two_workers(tmp_path) as (running, address):
        for _ in range(20):
            httpx.post(f"{address}/v1/models/m/sample", json={}).raise_for_status()
        mappings = [weights_of(pid) for pid in workers_of(running)]

    for mapping in mappings:
        assert re.search(r"Shared_Clean: +[1-9]", mapping)
        assert re.search(r"Private_Dirty: +0 kB", mapping)
        assert re.search(r"Shared_Dirty: +0 kB", mapping)


def weights_of(pid: int) -> str:
    """What the kernel says of the checkpoint's mapping."""
    everything = Path(f"/proc/{pid}/smaps").read_text()
    return everything.partition("1.safetensors")[2].partition("VmFlags")[0]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_file_is_written(tmp_path: Path, workers: str) -> None:
    small_store(tmp_path, "m")
    command = (str(BIN / "vae-serve"), "--store", str(tmp_path), "--port", "0")

    # Not a byte: the limit is on the size of every file.
    with process(
        "/bin/sh", "-c", 'ulimit -f 0; exec "$0" "$@"', *command, "--workers", workers
    ) as p:
        address = announced(p)[0].removesuffix("/docs")
        status = httpx.get(f"{address}/readyz").status_code

    assert status == 200
