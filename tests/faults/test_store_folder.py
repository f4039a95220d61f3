"""Whatever lies in a store, the models beside it are listed and read."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from model_store.errors import CheckpointError, NotInStoreError, StorageError
from model_store.store import FolderStore
from tests.builders import same_checkpoint, small_checkpoint, small_store, with_header

CONTENT = small_checkpoint().to_bytes()
NEWER = with_header(CONTENT, lambda header: header.update(__metadata__={"vae-checkpoint/2": ""}))
FOREIGN = with_header(CONTENT, lambda header: header.pop("__metadata__"))
FLIPPED = CONTENT[:-3] + bytes([CONTENT[-3] ^ 1]) + CONTENT[-2:]

BROKEN_FILES = {
    "empty": b"",
    "torn": CONTENT[:-1],
    "foreign": FOREIGN,
    "newer": NEWER,
    "flipped": FLIPPED,
    "no safetensors": b"hello",
}


def _sound(store: FolderStore) -> bool:
    """The model `digits` is as it was published."""
    listed = {model.name: model for model in store.list_models()}
    return listed["digits"].versions[0] == 1 and same_checkpoint(
        store.read("digits", 1), small_checkpoint()
    )


@pytest.mark.parametrize("content", BROKEN_FILES.values(), ids=BROKEN_FILES.keys())
def test_a_broken_file_is_told_with_its_reason_and_hides_no_other(
    content: bytes, tmp_path: Path
) -> None:
    store = small_store(tmp_path, "digits", "wine")
    store.path_of("digits", 2).write_bytes(content)

    with pytest.raises(CheckpointError) as caught:
        store.read("digits", 2)

    found = [(broken.name, broken.version, broken.reason) for broken in store.verify()]
    assert found == [("digits", 2, str(caught.value))]
    assert store.verify("wine") == []
    assert _sound(store)


def _link(path: Path, target: Path) -> None:
    path.symlink_to(target)


BROKEN_ENTRIES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "linked model": ("link", lambda root: _link(root / "link", root / "digits")),
    "dangling link": ("link", lambda root: _link(root / "link", root / "nowhere")),
    "circular link": ("link", lambda root: _link(root / "link", root / "link")),
    "linked version": (
        "digits",
        lambda root: _link(root / "digits/2.safetensors", root / "digits/1.safetensors"),
    ),
    "link out": ("digits", lambda root: _link(root / "digits/2.safetensors", Path("/etc/passwd"))),
    "folder as version": ("digits", lambda root: (root / "digits/2.safetensors").mkdir()),
    "pipe as version": ("digits", lambda root: os.mkfifo(root / "digits/2.safetensors")),
    "version with zeros": ("digits", lambda root: (root / "digits/02.safetensors").touch()),
    "version zero": ("digits", lambda root: (root / "digits/0.safetensors").touch()),
    "version beyond": ("digits", lambda root: (root / f"digits/{10**30}.safetensors").touch()),
    "version in letters": ("digits", lambda root: (root / "digits/two.safetensors").touch()),
    "folder with a bad name": ("bad name", lambda root: (root / "bad name").mkdir()),
    "checkpoint without a model": (
        "1.safetensors",
        lambda root: (root / "1.safetensors").write_bytes(CONTENT),
    ),
    "name in no encoding": (
        "\\udcff.safetensors",
        lambda root: (root / os.fsdecode(b"\xff.safetensors")).touch(),
    ),
    "name that colours": (
        "\\x1b[31m.safetensors",
        lambda root: (root / "\x1b[31m.safetensors").touch(),
    ),
    "aliases that are no JSON": ("digits", lambda root: _aliases(root, "{")),
    "aliases that are a list": ("digits", lambda root: _aliases(root, "[]")),
    "alias that is no version": ("digits", lambda root: _aliases(root, '{"stable": "1"}')),
    "alias that is true": ("digits", lambda root: _aliases(root, '{"stable": true}')),
    "alias of digits": ("digits", lambda root: _aliases(root, '{"7": 1}')),
    "alias of a path": ("digits", lambda root: _aliases(root, '{"../x": 1}')),
    "alias set twice": ("digits", lambda root: _aliases(root, '{"stable": 1, "stable": 2}')),
    "alias to nothing": ("digits", lambda root: _aliases(root, '{"stable": 9}')),
    "nested aliases": ("digits", lambda root: _aliases(root, "[" * 100_000)),
    "endless aliases": ("digits", lambda root: _aliases(root, " " * 2**21)),
    "aliases in no encoding": (
        "digits",
        lambda root: (root / "digits/aliases.json").write_bytes(b'{"\xff": 1}'),
    ),
    "linked aliases": ("digits", lambda root: _link(root / "digits/aliases.json", root / "x")),
    "folder of aliases": ("digits", lambda root: (root / "digits/aliases.json").mkdir()),
    "pipe of aliases": ("digits", lambda root: os.mkfifo(root / "digits/aliases.json")),
}


def _aliases(root: Path, text: str) -> None:
    (root / "digits" / "aliases.json").write_text(text)


@pytest.mark.parametrize(("name", "spoil"), BROKEN_ENTRIES.values(), ids=BROKEN_ENTRIES.keys())
def test_a_broken_entry_is_told_with_its_reason_and_hides_no_other(
    name: str, spoil: Callable[[Path], object], tmp_path: Path
) -> None:
    store = small_store(tmp_path, "digits", "wine")

    spoil(tmp_path)

    assert [broken.name for broken in store.verify()] == [name]
    assert store.verify("wine") == []
    assert _sound(store)


HARMLESS: dict[str, Callable[[Path], object]] = {
    "notes": lambda root: (root / "README.md").touch(),
    "notes of a model": lambda root: (root / "digits" / "notes.txt").touch(),
    "hidden file": lambda root: (root / ".DS_Store").touch(),
    "hidden folder": lambda root: (root / ".git").mkdir(),
    "lost and found": lambda root: (root / "lost+found").mkdir(),
    "empty folder": lambda root: (root / "empty").mkdir(),
    "file that is a name": lambda root: (root / "iris").touch(),
    "temporary file": lambda root: (root / "digits/.writing-0123456789abcdef.tmp").touch(),
    "empty aliases": lambda root: (root / "digits/aliases.json").write_text("{}"),
}


@pytest.mark.parametrize("add", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_nobody_could_take_for_a_model_is_left_alone(
    add: Callable[[Path], object], tmp_path: Path
) -> None:
    store = small_store(tmp_path, "digits", "wine")

    add(tmp_path)

    assert store.verify() == []
    assert [model.name for model in store.list_models()] == ["digits", "wine"]


def test_a_version_that_links_elsewhere_is_not_followed(tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits", "wine")
    store.path_of("digits", 2).symlink_to(store.path_of("wine", 1))

    assert store.get("digits").versions == (1,)
    with pytest.raises(StorageError, match="symbolic link"):
        store.read("digits", 2)


def test_a_model_that_links_elsewhere_is_neither_read_nor_written(tmp_path: Path) -> None:
    store = small_store(tmp_path / "models", "digits")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "models" / "wine").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(NotInStoreError):
        store.get("wine")
    with pytest.raises(StorageError, match="not a folder"):
        store.check_writable("wine")
    with pytest.raises(StorageError, match="not a folder"):
        store.publish("wine", small_checkpoint())
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_where_a_model_should_be_is_refused(tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits")
    (tmp_path / "wine").touch()

    with pytest.raises(StorageError, match="not a folder"):
        store.publish("wine", small_checkpoint())


def test_a_file_where_the_store_should_be_is_refused(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "file")
    store.root.touch()

    for ask in (store.list_models, store.verify, lambda: store.check_writable("digits")):
        with pytest.raises(StorageError, match="not a folder"):
            ask()


def test_a_store_behind_a_link_is_a_store(tmp_path: Path) -> None:
    small_store(tmp_path / "models", "digits")
    (tmp_path / "link").symlink_to(tmp_path / "models")

    assert small_store(tmp_path / "link", "digits").get("digits").versions == (1, 2)


def test_a_new_alias_does_not_destroy_unreadable_ones(tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits")
    _aliases(tmp_path, '{"stable": 1')

    with pytest.raises(StorageError, match="not JSON; mend it"):
        store.set_alias("digits", "canary", 1)

    assert (tmp_path / "digits/aliases.json").read_text() == '{"stable": 1'


def test_unreadable_aliases_do_not_stop_a_publisher(tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits")
    _aliases(tmp_path, '{"stable": 1')

    assert store.publish("digits", small_checkpoint()) == 2
