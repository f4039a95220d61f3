"""What the figures depend on: processor, cores, and the versions of what computes and serves."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("torch", "uvicorn", "fastapi", "pydantic", "orjson", "pysimdjson")


def describe_machine() -> str:
    """One line."""
    used = ", ".join(f"{library} {version(library)}" for library in LIBRARIES)
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {used}"
    )


def _processor() -> str:
    """The processor's name, family and model: a name alone may stand for many."""
    described: dict[str, str] = {}
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else ():
        key, _, value = line.partition(":")
        described.setdefault(key.strip(), value.strip())
    name = described.get("model name", platform.processor() or platform.machine())
    numbers = [described[key] for key in ("cpu family", "model") if key in described]
    return f"{name} (family {', model '.join(numbers)})" if len(numbers) == 2 else name
