"""Load from `wrk`, a generator of requests written in C: it needs less of a core than it measures.

Debian has it: `apt-get install wrk`.
"""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.questions import Sent
from benchmarks.servers import Server

LOAD_CORE = 1

SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "{media_type}"
wrk.headers["Accept"] = "{media_type}"
wrk.body = io.open("{body}", "rb"):read("*a")
"""

_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Load:
    """What `wrk` saw of a server.

    Args:
        requests_per_second: Answers to all connections.
        median_ms: Half of the answers took no longer than this.
        p99_ms: 99 of 100 took no longer than this.
    """

    requests_per_second: float
    median_ms: float
    p99_ms: float


def require_wrk() -> None:
    """Say how to install wrk where it is missing.

    Raises:
        SystemExit: it is missing.
    """
    if shutil.which("wrk") is None:
        raise SystemExit("This benchmark needs wrk: apt-get install wrk")


def load_of(server: Server, sent: Sent, *, connections: int, seconds: int) -> Load:
    """The same question over and over, on so many connections.

    Raises:
        RuntimeError: an answer was no 200, or a connection broke.
    """
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder) / "body"
        body.write_bytes(sent.body)
        script = Path(folder) / "post.lua"
        script.write_text(SCRIPT.format(body=body, media_type=sent.media_type))
        options = ["--threads=1", f"--connections={connections}", f"--duration={seconds}s"]
        command = ["taskset", "--cpu-list", str(LOAD_CORE), "wrk", *options, "--timeout=30s"]
        run = subprocess.run(
            [*command, "--latency", f"--script={script}", f"{server.url}{sent.path}"],
            capture_output=True,
            text=True,
            check=True,
        )
    return parsed(run.stdout)


def parsed(printed: str) -> Load:
    """What wrk printed.

    Raises:
        RuntimeError: an answer was no 200, or a connection broke.
    """
    if "Non-2xx" in printed or "Socket errors" in printed:
        raise RuntimeError(f"Not every request was answered: {printed}")
    rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", printed)[0])
    return Load(rate, _percentile(printed, 50), _percentile(printed, 99))


def _percentile(printed: str, percent: int) -> float:
    number, unit = re.findall(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)\s*$", printed, re.MULTILINE)[
        0
    ]
    return float(number) * _MILLISECONDS[unit]
