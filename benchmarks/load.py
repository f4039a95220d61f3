"""Load from `wrk`, a generator of requests written in C: it needs less of a core than it measures.

Debian has it: `apt-get install wrk`.
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.measured_model import NAME
from benchmarks.servers import Server

LOAD_CORE = 1

SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = io.open("{body}", "rb"):read("*a")
"""


def require_wrk() -> None:
    """Say how to install wrk where it is missing.

    Raises:
        SystemExit: it is missing.
    """
    if shutil.which("wrk") is None:
        raise SystemExit("This benchmark needs wrk: apt-get install wrk")


def requests_per_second(server: Server, body: bytes, *, connections: int, seconds: int) -> float:
    """Answers to the same elbo question over and over, on so many connections.

    Raises:
        RuntimeError: an answer was no 200, or a connection broke.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "body.json").write_bytes(body)
        script = Path(folder) / "post.lua"
        script.write_text(SCRIPT.format(body=Path(folder) / "body.json"))
        options = ["--threads=1", f"--connections={connections}", f"--duration={seconds}s"]
        command = ["taskset", "--cpu-list", str(LOAD_CORE), "wrk", *options, "--timeout=30s"]
        url = f"{server.url}/v1/models/{NAME}/elbo"
        run = subprocess.run(
            [*command, f"--script={script}", url], capture_output=True, text=True, check=True
        )
    if "Non-2xx" in run.stdout or "Socket errors" in run.stdout:
        raise RuntimeError(f"Not every request was answered: {run.stdout}")
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", run.stdout)[0])
