"""A disk that says no: one clear sentence without a path, and nothing half done."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from model_store.errors import StorageError
from model_store.store import FolderStore
from tests.builders import same_checkpoint, small_checkpoint, small_store

FAILURES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "this user may not do that there",
    errno.EIO: "the disk failed",
    errno.EMFILE: "too many open files",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FolderStore]:
    """A store with one version, which must be all there is when the test is over."""
    store = small_store(tmp_path, "digits")
    yield store
    assert [path.name for path in tmp_path.rglob("*") if path.name[0] != "."] == [
        "digits",
        "1.safetensors",
    ]
    assert list(tmp_path.rglob("*.tmp")) == []
    assert same_checkpoint(store.read("digits", 1), small_checkpoint())


@contextmanager
def _failing(name: str, code: int, *, after: int = 0) -> Iterator[None]:
    """A system call fails with this error from the `after`-th time on; writes are small."""
    call, left = getattr(os, name), after

    def called(*arguments: Any, **options: Any) -> object:  # noqa: ANN401 - any system call
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(code, os.strerror(code), "/secret/path")
        if name == "write":
            arguments = (arguments[0], arguments[1][:1_000])
        return call(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, name, called)
        yield


@pytest.mark.parametrize("code", FAILURES)
@pytest.mark.parametrize("call", ["mkdir", "open", "write", "link"])
def test_a_publish_that_fails_says_why_and_leaves_nothing(
    call: str, code: int, store: FolderStore
) -> None:
    with _failing(call, code), pytest.raises(StorageError) as caught:
        store.publish("digits", small_checkpoint())

    assert str(caught.value) == f"'digits' could not be published: {FAILURES[code]}."


def test_a_disk_without_locks_says_so_and_keeps_nothing(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)

    with pytest.raises(StorageError, match="no locks available"):
        store.publish("digits", small_checkpoint())


@pytest.mark.parametrize("written", range(1, 7))
def test_a_disk_that_fills_up_midway_leaves_nothing(written: int, store: FolderStore) -> None:
    with _failing("write", errno.ENOSPC, after=written), pytest.raises(StorageError, match="full"):
        store.publish("digits", small_checkpoint())


@pytest.mark.parametrize("code", FAILURES)
@pytest.mark.parametrize("call", ["open", "write", "link", "fsync"])
def test_a_store_that_cannot_be_published_to_is_told_in_advance(
    call: str, code: int, store: FolderStore
) -> None:
    with _failing(call, code), pytest.raises(StorageError) as caught:
        store.check_writable("digits")

    assert str(caught.value) == f"The store cannot take 'digits': {FAILURES[code]}."


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_disk_without_hard_links_is_told_in_advance(code: int, store: FolderStore) -> None:
    with _failing("link", code), pytest.raises(StorageError, match="no hard links"):
        store.check_writable("digits")


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_aliases_that_cannot_be_changed_stay_as_they_are(call: str, store: FolderStore) -> None:
    reads = 1 if call == "open" else 0  # the version is looked at first

    failing = _failing(call, errno.ENOSPC, after=reads)
    with failing, pytest.raises(StorageError, match="could not be changed"):
        store.set_alias("digits", "stable", 1)

    assert store.get("digits").aliases == {}


def test_an_export_that_fails_leaves_no_file(
    store: FolderStore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = tmp_path_factory.mktemp("out") / "copy"

    with _failing("write", errno.ENOSPC, after=3), pytest.raises(StorageError, match="full"):
        store.export("digits", 1, target)

    assert not target.exists()


@pytest.mark.parametrize("call", ["open", "readv"])
def test_a_version_that_cannot_be_read_is_told_and_hides_no_other(
    call: str, store: FolderStore
) -> None:
    with _failing(call, errno.EIO):
        broken = store.verify()

    reasons = [each.reason for each in broken if each.version == 1]
    assert reasons == ["digits@1 cannot be read: the disk failed."]


def test_a_folder_that_cannot_be_listed_hides_no_other(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = os.scandir
    closed = store.root / "closed"
    closed.mkdir()

    def scandir(path: Path) -> object:
        if path == closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scan(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        broken, models = store.verify(), store.list_models()

    closed.rmdir()
    assert [(each.name, each.reason) for each in broken] == [
        ("closed", "The folder cannot be read: this user may not do that there.")
    ]
    assert [model.name for model in models] == ["digits"]


def test_the_bytes_are_on_the_disk_before_the_name_and_the_name_before_publish_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, link = os.fsync, os.link

    def syncing(descriptor: int) -> None:
        fsync(descriptor)
        events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")

    def linking(source: Path, target: Path) -> None:
        link(source, target)
        events.append("link")

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "link", linking)
    FolderStore(tmp_path / "models").publish("digits", small_checkpoint())

    assert events == ["folder"] * 3 + ["file", "link", "folder"]


def test_a_file_system_that_cannot_sync_folders_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def files_only(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", files_only)

    assert FolderStore(tmp_path / "models").publish("digits", small_checkpoint()) == 1


def test_a_version_whose_name_may_not_be_on_the_disk_is_whole_or_missing(tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits")

    # The file and the store's folder are synced; the model's folder is not.
    with _failing("fsync", errno.EIO, after=2), pytest.raises(StorageError, match="disk failed"):
        store.publish("digits", small_checkpoint())

    assert store.verify() == []
    assert list(tmp_path.rglob("*.tmp")) == []
