"""The catalog: each version is read once, and what cannot be served stands in nobody's way."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from app.catalog import Catalog
from app.errors import BrokenModelError, TooManyRowsError
from app.loaded_model import LoadedModel
from model_store.checkpoint import Checkpoint
from model_store.errors import CorruptCheckpointError, NotInStoreError, StorageError
from model_store.store import BrokenFile, StoredModel
from tests.builders import small_checkpoint

T = TypeVar("T")


class FakeStore:
    """A store in memory that counts what is read and fails as told."""

    def __init__(self, *models: StoredModel, failing: dict[int, Exception] | None = None) -> None:
        self.models = list(models)
        self.failing = failing or {}
        self.reads: list[tuple[str, int]] = []

    def list_models(self) -> list[StoredModel]:
        return self.models

    def read(self, name: str, version: int) -> Checkpoint:
        self.reads.append((name, version))
        if version in self.failing:
            raise self.failing[version]
        return small_checkpoint()

    def verify(self) -> list[BrokenFile]:
        return []


async def no_warming(model: LoadedModel) -> None:
    pass


def within(
    store: FakeStore,
    work: Callable[[Catalog], Awaitable[T]],
    warm: Callable[[LoadedModel], Awaitable[None]] = no_warming,
) -> T:
    async def main() -> T:
        catalog = Catalog(store, warm)  # type: ignore[arg-type]
        await catalog.open()
        try:
            return await work(catalog)
        finally:
            await catalog.close()

    return asyncio.run(main())


def test_a_version_many_ask_for_at_once_is_read_once() -> None:
    store = FakeStore(StoredModel("m", (1, 2)))

    async def ask(catalog: Catalog) -> list[LoadedModel]:
        return await asyncio.gather(*(catalog.get("m@1") for _ in range(10)))

    models = within(store, ask)

    assert store.reads.count(("m", 1)) == 1
    assert len({id(model) for model in models}) == 1


def test_who_leaves_does_not_stop_the_loading_for_the_others() -> None:
    store = FakeStore(StoredModel("m", (1,)))

    async def ask(catalog: Catalog) -> LoadedModel:
        leaving, staying = (asyncio.ensure_future(catalog.get("m")) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        return await staying

    assert within(store, ask).version == 1


def test_only_what_names_and_aliases_stand_for_is_loaded_at_the_start() -> None:
    store = FakeStore(StoredModel("m", (1, 2, 3, 4), {"old": 1}), StoredModel("n", (1,)))

    within(store, lambda catalog: catalog.ready.wait())

    assert sorted(store.reads) == [("m", 1), ("m", 4), ("n", 1)]


def test_a_broken_version_is_read_once_and_remembered() -> None:
    store = FakeStore(StoredModel("m", (1, 2)), failing={1: CorruptCheckpointError("Torn.")})

    async def ask_twice(catalog: Catalog) -> list[str]:
        answers = [catalog.get("m@1"), catalog.get("m@1")]
        return [str(e) for e in await asyncio.gather(*answers, return_exceptions=True)]

    assert within(store, ask_twice) == ["m@1 cannot be served: Torn."] * 2
    assert store.reads.count(("m", 1)) == 1


def test_a_model_of_broken_versions_only_is_broken_itself() -> None:
    torn = CorruptCheckpointError("Torn.")
    store = FakeStore(StoredModel("m", (1, 2)), failing={1: torn, 2: torn})

    with pytest.raises(BrokenModelError, match="m@2 cannot be served"):
        within(store, lambda catalog: catalog.get("m"))


def test_a_disk_that_fails_once_is_asked_again() -> None:
    store = FakeStore(StoredModel("m", (1,)), failing={1: StorageError("The disk said no.")})

    async def fail_then_mend(catalog: Catalog) -> LoadedModel:
        await catalog.ready.wait()
        store.failing.clear()
        return await catalog.get("m")

    assert within(store, fail_then_mend).version == 1


def test_a_fault_while_loading_one_model_is_logged_and_leaves_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = FakeStore(
        StoredModel("bad", (9,)), StoredModel("good", (1,)), failing={9: ZeroDivisionError()}
    )

    async def wait_and_get(catalog: Catalog) -> LoadedModel:
        await catalog.ready.wait()
        return await catalog.get("good")

    with caplog.at_level(logging.ERROR):
        assert within(store, wait_and_get).name == "good"
    assert "ZeroDivisionError" in caplog.text


def test_a_model_that_refuses_its_warming_is_broken() -> None:
    async def refuse(model: LoadedModel) -> None:
        raise TooManyRowsError("No.")

    with pytest.raises(BrokenModelError, match="cannot answer for a typical row: No"):
        within(FakeStore(StoredModel("m", (1,))), lambda c: c.get("m"), refuse)


def test_unreadable_aliases_leave_a_bare_name_without_a_meaning() -> None:
    store = FakeStore(StoredModel("m", (1,), aliases_error="is no JSON"))

    with pytest.raises(NotInStoreError):
        within(store, lambda catalog: catalog.get("m"))

    assert within(store, lambda catalog: catalog.get("m@1")).version == 1


def test_closing_gives_up_what_is_still_being_loaded() -> None:
    async def never(model: LoadedModel) -> None:
        await asyncio.Event().wait()

    async def look(catalog: Catalog) -> bool:
        await asyncio.sleep(0.01)
        return catalog.ready.is_set()

    assert within(FakeStore(StoredModel("m", (1,))), look, never) is False


def test_a_store_that_cannot_be_listed_fails_the_start(tmp_path: Path) -> None:
    class Unreadable(FakeStore):
        def list_models(self) -> list[StoredModel]:
            raise StorageError("The store cannot be listed.")

    with pytest.raises(StorageError):
        within(Unreadable(), lambda catalog: catalog.ready.wait())
