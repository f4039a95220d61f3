"""Loads each version of a model once, off the event loop, and remembers those that cannot be."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from app.errors import BrokenModelError
from app.loaded_model import LoadedModel
from model_store.errors import CheckpointError, NotInStoreError, StorageError, VaeError
from model_store.store import BrokenFile, FolderStore

log = logging.getLogger(__name__)

Key = tuple[str, int]
"""A model's name and a version of it."""


class Loader:
    """The models in memory.

    Args:
        store: Where they come from.
        warm: Asks a model something, so that nobody's first question is slow.

    Attributes:
        loaded: The models that can be asked.
        broken: The versions that can never be, until the server starts anew.
    """

    def __init__(
        self, store: FolderStore, warm: Callable[[LoadedModel], Awaitable[object]]
    ) -> None:
        self.loaded: dict[Key, LoadedModel] = {}
        self.broken: dict[Key, BrokenFile] = {}
        self._store = store
        self._warm = warm
        self._loading: dict[Key, asyncio.Task[LoadedModel]] = {}

    async def get(self, key: Key) -> LoadedModel:
        """The model, loaded by whoever asks first while the others wait for the same.

        Raises:
            NotInStoreError: no such version.
            BrokenModelError: its file cannot be served.
            StorageError: its file cannot be read just now.
        """
        if (loaded := self.loaded.get(key)) is not None:
            return loaded
        if (broken := self.broken.get(key)) is not None:
            raise broken_error(broken)
        if key not in self._loading:
            task = asyncio.create_task(self._load(key))
            self._loading[key] = task
            task.add_done_callback(lambda _: self._loading.pop(key))
        # Shielded: the load is everybody's, so nobody who leaves may cancel it.
        return await asyncio.shield(self._loading[key])

    def mark_broken(self, key: Key, broken: BrokenFile) -> None:
        """Remembers what somebody else found out, unless it is in memory and so was intact."""
        if key not in self.loaded:
            self.broken.setdefault(key, broken)

    async def close(self) -> None:
        """Gives up what is still being loaded."""
        tasks = list(self._loading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _load(self, key: Key) -> LoadedModel:
        name, version = key
        try:
            model = await asyncio.to_thread(LoadedModel.read, self._store, name, version)
            await self._warm(model)
        except (NotInStoreError, StorageError):
            raise
        except CheckpointError as error:
            raise self._remember(BrokenFile(name, version, str(error))) from None
        except VaeError as error:
            reason = f"It cannot answer for a typical row: {error}"
            raise self._remember(BrokenFile(name, version, reason)) from None
        self.loaded[key] = model
        log.info("Loaded %s@%d.", name, version)
        return model

    def _remember(self, broken: BrokenFile) -> BrokenModelError:
        error = broken_error(broken)
        log.warning("%s", error)
        self.broken[broken.name, broken.version or 0] = broken
        return error


def broken_error(broken: BrokenFile) -> BrokenModelError:
    """The error for whoever asks for it."""
    return BrokenModelError(f"{broken.name}@{broken.version} cannot be served: {broken.reason}")
