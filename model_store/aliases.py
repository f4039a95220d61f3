"""Aliases of one model: `aliases.json` in its folder, a JSON object from alias to version."""

import json
from pathlib import Path

from model_store.durable import locked, replace_file
from model_store.mapping import map_file
from model_store.references import MAX_VERSION, is_alias
from model_store.strict_json import parse_json

ALIASES_FILE = "aliases.json"

_LOCK_FILE = ".aliases.lock"
_MAX_BYTES = 2**20


def read_aliases(folder: Path) -> dict[str, int]:
    """The aliases, in their order; none where there is no file.

    Raises:
        ValueError: the file is not what `write_alias` writes; says why.
        OSError: it cannot be read.
    """
    try:
        with memoryview(map_file(folder / ALIASES_FILE)) as content:
            text = bytes(content[: _MAX_BYTES + 1])
    except FileNotFoundError:
        return {}
    if len(text) > _MAX_BYTES:
        raise ValueError(f"has more than {_MAX_BYTES:,} bytes")
    found = parse_json(text)
    if not isinstance(found, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 - the file's fault
    return dict(sorted(_checked(alias, version) for alias, version in found.items()))


def write_alias(folder: Path, alias: str, version: int) -> None:
    """Points one alias at a version and leaves the others, whoever else is writing.

    Raises:
        ValueError: the present aliases are unreadable, and are left alone; says why.
        OSError: the file cannot be replaced.
    """
    with locked(folder / _LOCK_FILE):
        aliases = {**read_aliases(folder), alias: version}
        content = json.dumps(dict(sorted(aliases.items())), indent=2) + "\n"
        replace_file(folder / ALIASES_FILE, content.encode())


def _checked(alias: str, version: object) -> tuple[str, int]:
    if not is_alias(alias):
        raise ValueError("holds a key that is not an alias")
    if type(version) is not int or not 1 <= version <= MAX_VERSION:
        raise ValueError(f"has an alias, {alias}, that does not point at a version")
    return alias, version
