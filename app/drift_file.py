"""What a process has seen of p-values, on disk, so that it outlives the service."""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

import orjson

from app.shared_numbers import Key
from model_store.durable import replace_file, sweep

log = logging.getLogger(__name__)


class DriftFile:
    """The file of one process: the SHA-256 of the rest in a line, and keys with their numbers.

    Nothing here stands in the way of the service: what fails is logged.

    Args:
        folder: Where each process has its own; made if missing.
        worker: The number of the process.
    """

    def __init__(self, folder: Path, worker: int) -> None:
        self._path = folder / f"worker-{worker}.json"
        self._failing = False

    def read(self) -> dict[Key, list[float]]:
        """What was written last; nothing if there is no such file, or another one."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            sweep(self._path.parent)
            return _parsed(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            log.warning("%s cannot be read: %s. Drift starts anew.", self._path, error.strerror)
        except ValueError as error:
            log.warning("%s is damaged: %s Drift starts anew.", self._path, error)
        return {}

    def write(self, seen: Mapping[Key, list[float]]) -> None:
        """Replaces the file; whoever reads it sees all of this or all of what was before."""
        try:
            replace_file(self._path, _written(seen))
        except OSError as error:
            if not self._failing:
                log.warning("%s cannot be written: %s.", self._path, error.strerror)
            self._failing = True
        else:
            self._failing = False


def _written(seen: Mapping[Key, list[float]]) -> bytes:
    content = orjson.dumps([[key, numbers] for key, numbers in seen.items()])
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def _parsed(written: bytes) -> dict[Key, list[float]]:
    digest, _, content = written.partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise ValueError("its content is not what its first line says.")
    return {tuple(key): [float(n) for n in numbers] for key, numbers in orjson.loads(content)}
