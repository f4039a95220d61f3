"""`vae-serve` as a process: what it says, what it answers, and how it ends."""

import json
import re
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.builders import small_store
from tests.commands import START_SECONDS, announced, finished, process, request


def test_the_line_it_prints_works(tmp_path: Path) -> None:
    small_store(tmp_path, "m")

    with process("vae-serve", "--store", str(tmp_path), "--port", "0") as running:
        page, line = announced(running)
        answer = subprocess.check_output([*shlex.split(line), "--silent"], text=True)
        status = httpx.get(page).status_code

    assert status == 200
    assert json.loads(answer)["elbo"]


def test_sigterm_lets_a_request_finish_and_exits_0(tmp_path: Path) -> None:
    small_store(tmp_path, "m")
    body = {"inputs": [[[0, 0, 0], [0, 0, 0]]] * 400, "num_samples": 10_000}

    with process("vae-serve", "--store", str(tmp_path), "--port", "0") as running:
        address = announced(running)[0].removesuffix("/docs")
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as client:
            client.sendall(request("/v1/models/m/log-likelihood", json.dumps(body).encode()))
            httpx.get(f"{address}/livez")  # so the request before it has been read
            running.send_signal(signal.SIGTERM)
            answer = client.makefile("rb").read()
        code = running.wait(START_SECONDS)

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert code == 0


def test_a_request_that_takes_too_long_does_not_hold_up_the_end(tmp_path: Path) -> None:
    small_store(tmp_path, "m")
    body = {"inputs": [[[0, 0, 0], [0, 0, 0]]] * 4000, "num_samples": 10_000}
    limits = {"VAE_DRAIN_SECONDS": "1", "VAE_MAX_ROW_SAMPLES": "40000000"}

    with process("vae-serve", "--store", str(tmp_path), "--port", "0", **limits) as running:
        address = announced(running)[0].removesuffix("/docs")
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as client:
            client.sendall(request("/v1/models/m/log-likelihood", json.dumps(body).encode()))
            httpx.get(f"{address}/livez")
            running.send_signal(signal.SIGTERM)
            code = running.wait(10)

    assert code == 0


def test_sigterm_while_it_starts_exits_0(tmp_path: Path) -> None:
    with process("vae-serve", "--store", str(tmp_path), "--port", "0") as running:
        while not catches_sigterm(running.pid):
            time.sleep(0.01)
        running.send_signal(signal.SIGTERM)
        code = running.wait(START_SECONDS)

    assert code == 0


def test_ctrl_c_exits_without_a_traceback(tmp_path: Path) -> None:
    with process("vae-serve", "--store", str(tmp_path), "--port", "0") as running:
        announced(running)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=START_SECONDS)

    assert "Traceback" not in errors
    assert running.returncode == 0


def test_an_empty_store_is_served_with_a_warning(tmp_path: Path) -> None:
    with process("vae-serve", "--store", str(tmp_path / "none"), "--port", "0") as running:
        _, line = announced(running)
        running.terminate()
        _, errors = running.communicate(timeout=START_SECONDS)

    assert line.endswith("/v1/models")
    assert "The store holds no model" in errors


def test_a_store_that_is_a_file_is_one_sentence_and_exit_1(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.write_text("")

    code, errors = finished("--store", str(store))

    assert code == 1
    assert re.fullmatch(r"vae-serve: [^\n]+\.\n", errors)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_address_in_use_is_one_sentence_and_exit_1(tmp_path: Path, workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, errors = finished("--store", str(tmp_path), "--port", port, VAE_WORKERS=workers)

    assert code == 1
    assert errors == f"vae-serve: Cannot listen on 127.0.0.1:{port}: Address already in use.\n"


@pytest.mark.parametrize(
    ("arguments", "environment", "name"),
    [
        (["--port", "70000"], {}, "--port"),
        (["--workers", "0"], {}, "--workers"),
        ([], {"VAE_MAX_ROWS": "many"}, "VAE_MAX_ROWS"),
        ([], {"VAE_MAX_ROWS": "0"}, "VAE_MAX_ROWS"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_exit_2(
    arguments: list[str], environment: dict[str, str], name: str
) -> None:
    code, errors = finished(*arguments, **environment)

    assert code == 2
    assert re.fullmatch(rf"vae-serve: {name} is [^\n]+\.\n", errors)


def test_uvicorn_can_serve_the_app_by_itself(tmp_path: Path) -> None:
    small_store(tmp_path, "m")
    command = ("uvicorn", "--factory", "app.main:app_from_environment", "--port", "0")

    with process(*command, VAE_STORE=str(tmp_path)) as running:
        assert running.stderr
        started = next(line for line in running.stderr if "running on" in line)
        address = re.search(r"http://[\d.:]+", started)
        assert address
        models = httpx.get(f"{address[0]}/v1/models").json()["models"]

    assert [card["name"] for card in models] == ["m"]


def catches_sigterm(pid: int) -> bool:
    """Whether the process has a handler; it then goes on to import torch."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16)  # type: ignore[index]
    return bool(caught >> (signal.SIGTERM - 1) & 1)
