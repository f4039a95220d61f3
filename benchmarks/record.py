"""Figures kept in a file, so that documents and pictures show what was measured."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import orjson

from benchmarks.comparison import Comparison
from benchmarks.machine import describe_machine


def keep(comparisons: Iterable[Comparison], path: Path) -> None:
    """Adds them to the record; what was measured before under the same name is replaced.

    Args:
        comparisons: What was measured on this machine.
        path: A JSON file.
    """
    kept = {one.name: one for one in read_record(path)} if path.exists() else {}
    kept |= {one.name: one for one in comparisons}
    record = {"machine": describe_machine(), "comparisons": [asdict(one) for one in kept.values()]}
    path.write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2) + b"\n")


def read_record(path: Path) -> list[Comparison]:
    """What has been kept."""
    record = orjson.loads(path.read_bytes())
    return [Comparison(**fields) for fields in record["comparisons"]]


def machine_of(path: Path) -> str:
    """Where the latest of it was measured."""
    machine: str = orjson.loads(path.read_bytes())["machine"]
    return machine
