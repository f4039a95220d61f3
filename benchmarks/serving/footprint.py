"""What the service takes while it answers nothing: time to start, memory, and processor time."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.comparison import Comparison
from benchmarks.measured_model import NAME
from benchmarks.servers import SERVER_CORE, Server, serving
from benchmarks.serving.turns import OURS_PORT, Turns

# Once they have been read, so that their pages count.
HOLDING = """
import sys, torch, fastapi
from safetensors.torch import load_file
weights = load_file(sys.argv[1])
sum(float(tensor.sum()) for tensor in weights.values())
print("ready", flush=True)
sys.stdin.read()
"""


def compare(root: Path, turns: Turns) -> Iterator[Comparison]:
    """Against what no such service can do without."""
    yield Comparison(
        "start until ready, baseline `import torch, fastapi`, s",
        *turns.measure(lambda: seconds_until_ready(root), seconds_to_import),
        goal=1.5,
        more_is_better=False,
        moonshot=1.2,
    )
    yield Comparison(
        "resident memory when ready, baseline torch, fastapi and the weights, MiB",
        *turns.measure(lambda: mebibytes_when_ready(root), lambda: mebibytes_to_hold(root)),
        goal=1.3,
        more_is_better=False,
        moonshot=1.15,
    )
    with serving(root, OURS_PORT) as server:
        shares = [idle_percent(server, seconds=turns.seconds) for _ in range(turns.rounds)]
    yield Comparison(
        "idle, baseline 1 % of a core, %", shares, [1.0] * len(shares), 1.0, more_is_better=False
    )


def seconds_until_ready(root: Path) -> float:
    """Of `vae-serve` with one model."""
    started = time.perf_counter()
    with serving(root, OURS_PORT):
        return time.perf_counter() - started


def seconds_to_import() -> float:
    """Of Python with torch and fastapi."""
    started = time.perf_counter()
    subprocess.run(_pinned(["-c", "import torch, fastapi"]), check=True)
    return time.perf_counter() - started


def mebibytes_when_ready(root: Path) -> float:
    """Of the service with one model."""
    with serving(root, OURS_PORT) as server:
        return server.memory_bytes("VmRSS") / 2**20


def mebibytes_to_hold(root: Path) -> float:
    """Of a process that imported what it takes and has read the weights."""
    (weights,) = (root / NAME).glob("*.safetensors")
    command = _pinned(["-c", HOLDING, str(weights)])
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            return Server(process.pid, 0).memory_bytes("VmRSS") / 2**20
        finally:
            process.terminate()


def idle_percent(server: Server, *, seconds: int) -> float:
    """Share of a core that a server takes when nobody asks."""
    before = server.busy_seconds()
    time.sleep(seconds)
    return 100 * (server.busy_seconds() - before) / seconds


def _pinned(arguments: Sequence[str]) -> list[str]:
    return ["taskset", "--cpu-list", str(SERVER_CORE), sys.executable, *arguments]
