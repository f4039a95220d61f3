"""Publishers at the same time: none loses a version, none takes another's temporary file."""

import fcntl
from pathlib import Path

import pytest

from model_store.durable import sweep, temporary_file
from model_store.store import FolderStore
from tests.builders import small_checkpoint, small_store
from tests.processes import publish, set_aliases, start


def test_every_publisher_gets_its_own_versions(tmp_path: Path) -> None:
    root = tmp_path / "models"
    publishers = [start(publish, root, "digits", 10) for _ in range(4)]

    for publisher in publishers:
        publisher.join(60)

    assert [publisher.exitcode for publisher in publishers] == [0] * 4
    assert FolderStore(root).get("digits").versions == tuple(range(1, 41))
    assert FolderStore(root).verify() == []
    assert list(root.rglob("*.tmp")) == []


def test_no_writer_loses_the_aliases_of_another(tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits")
    names = [[f"a{writer}-{i}" for i in range(10)] for writer in range(4)]
    writers = [start(set_aliases, tmp_path, "digits", each) for each in names]

    for writer in writers:
        writer.join(60)

    assert store.get("digits").aliases == {name: 1 for each in names for name in each}


def test_a_reader_never_sees_half_a_version(tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits")
    publisher = start(publish, tmp_path, "digits", 20)

    looks = 0
    while publisher.is_alive():
        assert store.verify() == []
        looks += 1

    publisher.join()
    assert looks > 0
    assert store.get("digits").versions == tuple(range(1, 22))


def test_a_sweep_spares_the_file_of_a_living_writer(tmp_path: Path) -> None:
    with temporary_file(tmp_path, b"content") as path:
        sweep(tmp_path)
        assert path.read_bytes() == b"content"


def test_a_sweep_takes_the_file_of_a_dead_writer_and_no_other(tmp_path: Path) -> None:
    (tmp_path / ".writing-0123456789abcdef.tmp").touch()
    others = [".writing-mine.tmp", "writing-0123456789abcdef.tmp", ".hidden", "1.safetensors"]
    for name in others:
        (tmp_path / name).touch()

    sweep(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


def test_a_writer_whose_file_was_swept_before_it_was_locked_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, sweeps = fcntl.flock, iter([True, True, False])

    def lock_late(descriptor: int, operation: int) -> None:
        if operation == fcntl.LOCK_EX and next(sweeps, False):
            sweep(tmp_path / "digits")
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    store = small_store(tmp_path, "digits")

    assert store.verify() == []
    assert next(sweeps, None) is None
    assert [path.name for path in (tmp_path / "digits").iterdir()] == ["1.safetensors"]


def test_a_number_taken_at_the_last_moment_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = small_store(tmp_path, "digits")
    monkeypatch.setattr("model_store.store.next_version", lambda _: 1)

    assert store.publish("digits", small_checkpoint(seed=1)) == 2
    assert store.read("digits", 1).document.seed == 0
