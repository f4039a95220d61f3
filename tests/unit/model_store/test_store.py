"""What a store keeps, and under which names."""

import json
import stat
from pathlib import Path

import pytest
import torch

from model_store.checkpoint import Checkpoint
from model_store.errors import (
    CorruptCheckpointError,
    InvalidNameError,
    NotInStoreError,
    StorageError,
)
from model_store.references import MAX_VERSION
from model_store.store import FolderStore
from tests.builders import same_checkpoint, small_checkpoint, small_store

BAD_NAMES = ["", "..", "../digits", "a/b", ".digits", "a@1", "x" * 65]


def test_a_store_that_is_not_there_is_empty_and_stays_away(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "models")

    assert (store.list_models(), store.verify()) == ([], [])
    with pytest.raises(NotInStoreError):
        store.get("digits")
    assert not store.root.exists()


def test_versions_count_up_from_one(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "models")

    published = [store.publish("digits", small_checkpoint(seed=seed)) for seed in range(3)]

    assert published == [1, 2, 3]
    assert store.get("digits").versions == (1, 2, 3)


def test_what_is_read_is_what_was_published(tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits")

    version = store.publish("digits", small_checkpoint("mixed", seed=1))

    assert same_checkpoint(store.read("digits", version), small_checkpoint("mixed", seed=1))
    assert store.describe("digits", version) == small_checkpoint("mixed", seed=1).document


def test_models_are_listed_by_name(tmp_path: Path) -> None:
    store = small_store(tmp_path, "wine", "digits", "Iris")

    assert [model.name for model in store.list_models()] == ["Iris", "digits", "wine"]


def test_a_published_file_is_readable_by_all_and_writable_by_none(tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits")

    assert stat.S_IMODE(store.path_of("digits", 1).stat().st_mode) == 0o444


def test_publishing_leaves_nothing_but_the_version(tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits")

    assert [path.name for path in tmp_path.rglob("*")] == ["digits", "1.safetensors"]
    assert store.verify() == []


def test_writing_to_a_tensor_that_was_read_changes_neither_file_nor_other_readers(
    tmp_path: Path,
) -> None:
    store = small_store(tmp_path, "digits")

    for tensor in store.read("digits", 1).tensors.values():
        tensor.fill_(7)

    assert same_checkpoint(store.read("digits", 1), small_checkpoint())


def test_a_model_outlives_the_removal_of_its_file(tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits")
    checkpoint = store.read("digits", 1)

    store.path_of("digits", 1).unlink()

    assert same_checkpoint(checkpoint, small_checkpoint())


def test_a_checkpoint_that_could_not_be_read_back_is_not_published(tmp_path: Path) -> None:
    good = small_checkpoint()
    tensors = {name: torch.zeros_like(tensor) for name, tensor in good.tensors.items()}
    store = FolderStore(tmp_path / "models")

    with pytest.raises(CorruptCheckpointError):
        store.publish("digits", Checkpoint(good.document, tensors))

    assert not store.root.exists()


def test_the_number_of_a_removed_version_that_an_alias_names_is_not_given_again(
    tmp_path: Path,
) -> None:
    store = small_store(tmp_path, "digits", "digits")
    store.set_alias("digits", "stable", 2)
    store.path_of("digits", 2).unlink()

    assert store.publish("digits", small_checkpoint()) == 3


def test_a_broken_file_keeps_its_number(tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits")
    store.path_of("digits", 4).write_bytes(b"")

    assert store.publish("digits", small_checkpoint()) == 5


def test_numbers_end(tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits")
    store.path_of("digits", MAX_VERSION).write_bytes(b"")

    with pytest.raises(StorageError, match="no version numbers left"):
        store.publish("digits", small_checkpoint())


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_bad_name_never_becomes_a_path(name: str, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "models" / "inner")

    for ask in (store.get, store.check_writable, lambda name: store.read(name, 1)):
        with pytest.raises(InvalidNameError):
            ask(name)
    with pytest.raises(InvalidNameError):
        store.publish(name, small_checkpoint())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", [0, -1, 2, 10**30])
def test_a_version_that_is_not_there_is_missing(version: int, tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits")

    with pytest.raises(NotInStoreError):
        store.read("digits", version)


def test_checking_a_store_leaves_nothing_behind(tmp_path: Path) -> None:
    store = small_store(tmp_path / "there", "digits")

    store.check_writable("digits")
    store.check_writable("wine")
    FolderStore(tmp_path / "new").check_writable("wine")

    assert [path.name for path in tmp_path.rglob("*")] == ["there", "digits", "1.safetensors"]
    assert store.publish("digits", small_checkpoint()) == 2


def test_a_store_without_a_parent_is_refused_before_and_when_publishing(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "missing" / "models")

    with pytest.raises(StorageError, match="does not exist"):
        store.check_writable("digits")
    with pytest.raises(StorageError, match="does not exist"):
        store.publish("digits", small_checkpoint())


def test_aliases_are_kept_beside_each_other(tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits", "digits")

    store.set_alias("digits", "stable", 1)
    store.set_alias("digits", "canary", 2)
    store.set_alias("digits", "stable", 2)

    assert store.get("digits").aliases == {"canary": 2, "stable": 2}
    file = json.loads((tmp_path / "digits" / "aliases.json").read_text())
    assert file == {"canary": 2, "stable": 2}


@pytest.mark.parametrize("alias", [*BAD_NAMES, "7", "007"])
def test_an_alias_that_breaks_the_rule_is_refused(alias: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidNameError):
        small_store(tmp_path, "digits").set_alias("digits", alias, 1)


def test_an_alias_cannot_point_at_what_is_missing_or_broken(tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits")
    store.path_of("digits", 2).write_bytes(b"torn")

    with pytest.raises(NotInStoreError):
        store.set_alias("digits", "stable", 3)
    with pytest.raises(NotInStoreError):
        store.set_alias("wine", "stable", 1)
    with pytest.raises(Exception, match="not a safetensors file"):
        store.set_alias("digits", "stable", 2)
    assert store.get("digits").aliases == {}


def test_an_export_is_the_file_itself(tmp_path: Path) -> None:
    store = small_store(tmp_path / "models", "digits")

    store.export("digits", 1, tmp_path / "copy.safetensors")

    assert (tmp_path / "copy.safetensors").read_bytes() == small_checkpoint().to_bytes()


def test_an_export_never_overwrites(tmp_path: Path) -> None:
    store = small_store(tmp_path / "models", "digits")
    (tmp_path / "mine").write_text("precious")

    with pytest.raises(FileExistsError):
        store.export("digits", 1, tmp_path / "mine")

    assert (tmp_path / "mine").read_text() == "precious"


def test_an_exported_file_put_under_a_free_number_is_a_version(tmp_path: Path) -> None:
    store = small_store(tmp_path / "models", "digits")

    store.export("digits", 1, store.path_of("digits", 7))

    assert store.get("digits").versions == (1, 7)
    assert store.verify() == []
