"""Names, versions, aliases: a folder of checkpoints, each one file that never changes.

`<root>/<name>/<version>.safetensors` holds a version, `<root>/<name>/aliases.json` the aliases.
`docs/checkpoint-format.md` specifies what writers and readers owe each other.
"""

import errno
import os
from mmap import mmap
from pathlib import Path
from typing import TYPE_CHECKING

from model_store.aliases import ALIASES_FILE, write_alias
from model_store.disk_errors import storage_errors
from model_store.durable import (
    claim_next,
    is_real_folder,
    make_folder,
    probe,
    sweep,
    sync_folder,
    temporary_file,
    write_new_file,
)
from model_store.errors import CheckpointError, NotInStoreError, StorageError
from model_store.folders import (
    SUFFIX,
    misplaced,
    misplaced_in,
    model_names,
    next_version,
    stored_model,
)
from model_store.header import Header, check_digest, read_header
from model_store.listing import BrokenFile, StoredModel
from model_store.mapping import map_file
from model_store.references import (
    DEFAULT_ALIAS,
    MAX_VERSION,
    ModelRef,
    check_alias,
    check_name,
)
from model_store.schema import CheckpointDocument

if TYPE_CHECKING:
    from model_store.checkpoint import Checkpoint

__all__ = ["DEFAULT_ALIAS", "BrokenFile", "FolderStore", "ModelRef", "StoredModel"]


class FolderStore:
    """A store in a folder, which is made by the first publish.

    Nothing is cached: every call sees what other processes have published since. A folder or file
    that cannot be read never hides the others.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def list_models(self) -> list[StoredModel]:
        """Every model that has a version, by name; `verify` tells what is not among them.

        Raises:
            StorageError: the root is there but cannot be read.
        """
        with storage_errors("The store cannot be listed"):
            names = model_names(self.root)
        found = []
        for name in names:
            try:
                found.append(self.get(name))
            except (NotInStoreError, StorageError):
                continue
        return found

    def get(self, name: str) -> StoredModel:
        """The versions and aliases of one model.

        Raises:
            InvalidNameError: no model can be called so.
            NotInStoreError: no version of it is there.
            StorageError: its folder cannot be read.
        """
        model = None
        if is_real_folder(self._folder(name)):
            with storage_errors(f"Model {name!r} cannot be listed"):
                model = stored_model(self.root, name)
        if model is None:
            raise NotInStoreError(f"There is no model {name!r}.")
        return model

    def describe(self, name: str, version: int) -> CheckpointDocument:
        """A version's description, once the file's bytes are known to be what was published.

        Raises:
            NotInStoreError: no such version.
            CheckpointError: the file cannot be served.
            StorageError: the file cannot be read.
        """
        return self._verified(name, version)[1].document

    def read(self, name: str, version: int) -> "Checkpoint":
        """A version, everything about it verified.

        Its tensors lie in memory shared with every process that reads the same file; writing to
        one changes the writer's own copy only.

        Raises:
            NotInStoreError: no such version.
            CheckpointError: the file cannot be served.
            StorageError: the file cannot be read.
        """
        # Torch takes seconds to import, and listing needs none of it.
        from model_store.checkpoint import read_checkpoint  # noqa: PLC0415

        return read_checkpoint(self._content(name, version))

    def misplaced(self, name: str | None = None) -> list[BrokenFile]:
        """What is wrong in one model or all outside the versions' own files: names and aliases.

        Raises:
            NotInStoreError: no such model.
            StorageError: the root is there but cannot be read.
        """
        if name is not None:
            model = self.get(name)
            return misplaced_in(self.root, name) + model.broken_aliases()
        with storage_errors("The store cannot be listed"):
            found = misplaced(self.root)
        return found + [broken for model in self.list_models() for broken in model.broken_aliases()]

    def verify(self, name: str | None = None) -> list[BrokenFile]:
        """Everything in one model or all that cannot be served; reads every byte.

        Raises:
            NotInStoreError: no such model.
            StorageError: the root is there but cannot be read.
        """
        found = self.misplaced(name)
        for model in self.list_models() if name is None else [self.get(name)]:
            for version in model.versions:
                try:
                    self.read(model.name, version)
                except (CheckpointError, NotInStoreError, StorageError) as error:
                    found.append(BrokenFile(model.name, version, str(error)))
        return found

    def publish(self, name: str, checkpoint: "Checkpoint") -> int:
        """Adds a version and returns its number; it is on the disk for good by then.

        Raises:
            InvalidNameError: no model can be called so.
            CheckpointError: the checkpoint could not be read back.
            StorageError: the disk said no; nothing is there, or the version is there whole.
        """
        from model_store.checkpoint import read_checkpoint  # noqa: PLC0415

        folder = self._folder(name)
        content = checkpoint.to_bytes()
        read_checkpoint(content)
        with storage_errors(f"{name!r} could not be published"):
            self._make(folder)
            for each in (self.root, *(self.root / n for n in model_names(self.root))):
                sweep(each)
            with temporary_file(folder, content) as temporary:
                first = next_version(folder)
                version = claim_next(temporary, first, lambda number: self.path_of(name, number))
                sync_folder(folder)
        return version

    def check_writable(self, name: str) -> None:
        """Tries what publishing would do, without leaving anything behind.

        Raises:
            InvalidNameError: no model can be called so.
            StorageError: publishing would fail.
        """
        folder = self._folder(name)
        with storage_errors(f"The store cannot take {name!r}"):
            if os.path.lexists(folder):
                _require_real(folder)
            nearest = (f for f in (folder, self.root) if os.path.lexists(f))
            probe(next(nearest, self.root.absolute().parent))

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Points an alias at a version that can be served, wherever it pointed before.

        Raises:
            InvalidNameError: no alias can be called so.
            NotInStoreError: no such version.
            CheckpointError: the version cannot be served.
            StorageError: the disk said no, or the present aliases cannot be read.
        """
        check_alias(alias)
        self.describe(name, version)
        with storage_errors(f"The aliases of {name!r} could not be changed"):
            try:
                write_alias(self._folder(name), alias, version)
            except ValueError as error:
                raise StorageError(
                    f"The {ALIASES_FILE} of {name!r} {error}; mend it or remove it."
                ) from None

    def export(self, name: str, version: int, target: Path) -> None:
        """Copies a version's file to a new one.

        Raises:
            FileExistsError: the target is there; it is left alone.
            NotInStoreError: no such version.
            CheckpointError: the version cannot be served.
            StorageError: the disk said no; there is no half a file.
        """
        content, _ = self._verified(name, version)
        with storage_errors(f"{name}@{version} could not be exported"):
            write_new_file(target, content)

    def path_of(self, name: str, version: int) -> Path:
        """Where a version lies, or would.

        Raises:
            InvalidNameError: no model can be called so.
            StorageError: no version can have this number.
        """
        if not 1 <= version <= MAX_VERSION:
            raise StorageError(f"{name!r} has no version numbers left.")
        return self._folder(name) / f"{version}{SUFFIX}"

    def _folder(self, name: str) -> Path:
        check_name(name)
        return self.root / name

    def _make(self, folder: Path) -> None:
        make_folder(self.root)
        make_folder(folder)
        _require_real(folder)
        # Even if it was there: whoever made it may have died before it was on the disk.
        sync_folder(self.root)

    def _verified(self, name: str, version: int) -> tuple[mmap | bytes, Header]:
        content = self._content(name, version)
        header = read_header(content)
        check_digest(content, header)
        return content, header

    def _content(self, name: str, version: int) -> mmap | bytes:
        folder = self._folder(name)
        with storage_errors(f"{name}@{version} cannot be read"):
            try:
                if is_real_folder(folder) and 1 <= version <= MAX_VERSION:
                    return map_file(self.path_of(name, version))
            except FileNotFoundError:
                pass
        raise NotInStoreError(f"There is no version {version} of {name!r}.")


def _require_real(folder: Path) -> None:
    if not is_real_folder(folder):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
