"""What lies in a store's folders: models, versions, and entries that look like one but are none.

A model is a real folder of a valid name, a version a plain file named by its number. Symbolic links
are not followed. Files that nobody could take for a checkpoint are left alone.
"""

import os
from pathlib import Path

from model_store.aliases import read_aliases
from model_store.disk_errors import reason_of
from model_store.listing import BrokenFile, StoredModel
from model_store.references import is_name, version_in

SUFFIX = ".safetensors"

# At the root of every ext4 volume, and no business of ours.
_NOT_OURS = "lost+found"


def model_names(root: Path) -> list[str]:
    """The folders that may hold a model, sorted; none where there is no root."""
    try:
        return [entry.name for entry in _entries(root) if _is_model(entry)]
    except FileNotFoundError:
        return []


def stored_model(root: Path, name: str) -> StoredModel | None:
    """The model in this folder of the root, unless it holds no version."""
    folder = root / name
    versions = sorted(version for version, plain in _numbers(folder).items() if plain)
    if not versions:
        return None
    try:
        return StoredModel(name, tuple(versions), read_aliases(folder))
    except OSError as error:
        return StoredModel(
            name, tuple(versions), aliases_error=f"cannot be read: {reason_of(error)}"
        )
    except ValueError as error:
        return StoredModel(name, tuple(versions), aliases_error=str(error))


def next_version(folder: Path) -> int:
    """One more than every number in use, by a file or by an alias to one that was removed."""
    try:
        aliases = read_aliases(folder)
    except ValueError:
        aliases = {}
    return max([0, *_numbers(folder), *aliases.values()]) + 1


def misplaced(root: Path) -> list[BrokenFile]:
    """Entries that look like a model or a version but are none, in the root and its models."""
    try:
        entries = _entries(root)
    except FileNotFoundError:
        return []
    reasons = [(entry.name, _why_no_model(entry)) for entry in entries]
    found = [BrokenFile(_printable(name), None, reason) for name, reason in reasons if reason]
    for name in model_names(root):
        found += misplaced_in(root, name)
    return found


def misplaced_in(root: Path, name: str) -> list[BrokenFile]:
    """Entries of a model's folder that look like a version but are none."""
    try:
        entries = _entries(root / name)
    except OSError as error:
        return [BrokenFile(name, None, f"The folder cannot be read: {reason_of(error)}.")]
    checkpoints = [entry for entry in entries if entry.name.endswith(SUFFIX)]
    return [broken for entry in checkpoints if (broken := _why_no_version(name, entry))]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    return sorted(visible, key=lambda entry: entry.name)


def _numbers(folder: Path) -> dict[int, bool]:
    """Every version number in use there, and whether a plain file has it."""
    return {
        version: entry.is_file(follow_symlinks=False)
        for entry in _entries(folder)
        if (version := _version_of(entry)) is not None
    }


def _version_of(entry: os.DirEntry[str]) -> int | None:
    return version_in(entry.name.removesuffix(SUFFIX)) if entry.name.endswith(SUFFIX) else None


def _is_model(entry: os.DirEntry[str]) -> bool:
    return is_name(entry.name) and entry.is_dir(follow_symlinks=False)


def _why_no_model(entry: os.DirEntry[str]) -> str | None:
    if _is_model(entry) or entry.name == _NOT_OURS:
        return None
    if entry.is_symlink():
        return "A symbolic link is not followed; needed a folder."
    if entry.is_dir():
        return "The folder's name is not one that a model can have."
    if entry.name.endswith(SUFFIX):
        return "A checkpoint needs to lie in its model's folder."
    return None


def _why_no_version(name: str, entry: os.DirEntry[str]) -> BrokenFile | None:
    version = _version_of(entry)
    if version is None:
        file = _printable(entry.name)
        return BrokenFile(
            name, None, f"The file {file} needs a number for a name, as 1{SUFFIX} has."
        )
    if entry.is_file(follow_symlinks=False):
        return None
    return BrokenFile(name, version, "Not a plain file; links are not followed.")


def _printable(name: str) -> str:
    """The name without what a terminal or a JSON writer would choke on."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
