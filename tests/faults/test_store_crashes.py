"""A publisher that dies at any instant leaves every version whole, and the next one cleans up."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from model_store.durable import temporary_file
from model_store.store import FolderStore
from tests.builders import same_checkpoint, small_checkpoint, small_store
from tests.processes import killed_at, publish, set_aliases, survives


def _crashes(tmp_path: Path, prepare: Callable[[Path], object], *act: object) -> list[FolderStore]:
    """One store for each instant at which the act can die, left as it was then."""
    stores = []
    for instant in count():
        root = tmp_path / f"{instant:03}"
        prepare(root)
        if survives(killed_at, instant, act[0], root, *act[1:]):
            return stores
        stores.append(FolderStore(root))
    raise AssertionError


def _temporary_files(store: FolderStore) -> list[Path]:
    return list(store.root.rglob("*.tmp"))


def test_a_first_publisher_that_dies_at_any_instant_is_no_obstacle(tmp_path: Path) -> None:
    stores = _crashes(tmp_path, FolderStore, publish, "digits")

    assert len(stores) > 40
    for store in stores:
        assert store.verify() == []
        assert len(_temporary_files(store)) <= 1
        store.publish("digits", small_checkpoint())
        assert _temporary_files(store) == []
        assert same_checkpoint(store.read("digits", 1), small_checkpoint())


def test_a_publisher_that_dies_at_any_instant_leaves_the_versions_before_it(tmp_path: Path) -> None:
    stores = _crashes(tmp_path, lambda root: small_store(root, "digits", "wine"), publish, "digits")

    assert len(stores) > 30
    for store in stores:
        assert store.verify() == []
        assert same_checkpoint(store.read("digits", 1), small_checkpoint())
        before = store.get("digits").versions[-1]
        assert store.publish("digits", small_checkpoint()) == before + 1


def test_what_a_dead_publisher_left_is_cleaned_up_when_another_model_is_published(
    tmp_path: Path,
) -> None:
    stores = _crashes(tmp_path, lambda root: small_store(root, "digits"), publish, "digits")
    littered = [store for store in stores if _temporary_files(store)]

    assert len(littered) > 10
    for store in littered:
        store.publish("wine", small_checkpoint())
        assert _temporary_files(store) == []


def test_aliases_are_the_old_or_the_new_whenever_their_writer_dies(tmp_path: Path) -> None:
    def prepare(root: Path) -> None:
        small_store(root, "digits").set_alias("digits", "stable", 1)

    stores = _crashes(tmp_path, prepare, set_aliases, "digits", ["canary"])

    assert len(stores) > 20
    old, new = {"stable": 1}, {"canary": 1, "stable": 1}
    found = [dict(store.get("digits").aliases) for store in stores]
    assert old in found
    assert new in found
    assert all(aliases in (old, new) for aliases in found)


def test_a_lock_dies_with_its_holder(tmp_path: Path) -> None:
    stores = _crashes(
        tmp_path, lambda root: small_store(root, "digits"), set_aliases, "digits", ["canary"]
    )

    for store in stores:
        store.set_alias("digits", "stable", 1)
        assert store.get("digits").aliases["stable"] == 1


def test_an_interrupted_publisher_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = small_store(tmp_path, "digits")

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt), temporary_file(tmp_path / "digits", b"content"):
        pass

    assert [path.name for path in tmp_path.rglob("*")] == ["digits", "1.safetensors"]
    assert store.verify() == []
