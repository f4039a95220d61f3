"""Run the examples of the documentation as written, and write down what they really print.

    python -m benchmarks.documents README.md docs/statistics.md [--check]

A fenced block of `sh` or `python` that an output block (`json` or `text`) follows is an example: it
runs against a service of a fresh store, and the output block gets what it prints. `sh` blocks that
begin with `# setup` run before the service starts. Python blocks of a document share names. With
--check nothing is written; examples whose output differs are named and the exit code is 1.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.servers import serving

PORT = 8000  # what the documents say
BIN = Path(sys.executable).parent
_CODE = r"(?:(?!```).)*?"
EXAMPLE = re.compile(
    rf"```(?P<language>sh|python)\n(?P<code>{_CODE})```\n\n?"
    rf"```(?P<kind>json|text)\n(?P<output>{_CODE})```",
    re.DOTALL,
)
SET_UP = re.compile(rf"```sh\n(# setup{_CODE})```", re.DOTALL)


def main() -> None:
    """Runs every example of the documents."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    arguments = parser.parse_args()
    different = 0
    with TemporaryDirectory() as folder:
        store = Path(folder) / "models"
        environment = {**os.environ, "VAE_STORE": str(store), "OMP_NUM_THREADS": "1"}
        environment["PATH"] = f"{BIN}:{environment['PATH']}"
        _shell("vae-train digits --quiet", environment)
        for document in arguments.documents:
            _set_up(document, environment)
        with serving(store, PORT):
            for document in arguments.documents:
                different += _run(document, environment, check=arguments.check)
    sys.exit(1 if arguments.check and different else 0)


def _set_up(document: Path, environment: Mapping[str, str]) -> None:
    """The document's own training runs on built-in sets and on files its examples have."""
    for block in SET_UP.findall(document.read_text()):
        _shell(block, environment)


def _run(document: Path, environment: Mapping[str, str], *, check: bool) -> int:
    """Number of examples whose output differs from the document's."""
    text, history, different = document.read_text(), "", 0
    pieces, position = [], 0
    for match in EXAMPLE.finditer(text):
        code = match["code"]
        if match["language"] == "python":
            output = _python(history, code, environment)
            history += code
        else:
            output = _shell(code, environment)
        if output.strip() != match["output"].strip():
            different += 1
            print(f"{document}: differs after\n{code}{output}")
        start, end = match.span("output")
        pieces += [text[position:start], output.rstrip("\n") + "\n"]
        position = end
    if not check:
        document.write_text("".join(pieces) + text[position:])
    return different


def _shell(code: str, environment: Mapping[str, str]) -> str:
    return _output(["bash", "-euo", "pipefail", "-c", code], environment)


def _python(history: str, code: str, environment: Mapping[str, str]) -> str:
    """What the last block prints, after all the blocks before it."""
    quiet = f"from contextlib import *\nwith redirect_stdout(None):\n    exec({history!r})\n"
    return _output([sys.executable, "-c", quiet + code], environment)


def _output(command: list[str], environment: Mapping[str, str]) -> str:
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"failed: {command[-1]}\n{result.stderr}")
    return result.stdout


if __name__ == "__main__":
    main()
