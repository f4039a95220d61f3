"""Which models there are and which version a reference means: the one object that knows.

At the start it lists the store and loads, in the background, what every model's bare name and
aliases stand for. Other versions are loaded when somebody first asks for them. A file that cannot
be served is remembered with the reason and never stands in the way of another.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from app.errors import BrokenModelError
from app.loaded_model import LoadedModel
from app.loader import Loader, broken_error
from model_store.errors import InvalidNameError, NotInStoreError, VaeError
from model_store.store import DEFAULT_ALIAS, BrokenFile, FolderStore, ModelRef, StoredModel

log = logging.getLogger(__name__)

# References that are remembered; there are several to each version of a model.
_MOST_AT_HAND = 4096


@dataclass(frozen=True)
class Listing:
    """Every model that can be served, in its default version, and every file that cannot."""

    models: tuple[LoadedModel, ...]
    broken: tuple[BrokenFile, ...]


class Catalog:
    """The models of a store, as they were when it was opened.

    Args:
        store: Where they are.
        warm: Asks a model something, so that nobody's first question is slow.
        stored: What it held when the service started; looked up if not given.

    Attributes:
        ready: Whether all that bare names and aliases stand for has been loaded or found broken.
    """

    def __init__(
        self,
        store: FolderStore,
        warm: Callable[[LoadedModel], Awaitable[object]],
        stored: Sequence[StoredModel] | None = None,
    ) -> None:
        self.ready = asyncio.Event()
        self._store = store
        self._loader = Loader(store, warm)
        self._listed = stored
        self._stored: dict[str, StoredModel] = {}
        self._misplaced: tuple[BrokenFile, ...] = ()
        self._opening: asyncio.Task[None] | None = None
        self._at_hand: dict[str, LoadedModel] = {}

    async def open(self) -> None:
        """Lists the store and begins to load; `get` works from here on.

        Raises:
            StorageError: the store cannot be read.
        """
        models = self._listed
        if models is None:
            models = await asyncio.to_thread(self._store.list_models)
        self._stored = {model.name: model for model in models}
        if not models:
            log.warning("The store holds no model; vae-train publishes one.")
        self._opening = asyncio.create_task(self._load_published())

    async def close(self) -> None:
        """Stops loading."""
        if self._opening:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await self._loader.close()

    async def get(self, reference: str) -> LoadedModel:
        """The model that `name`, `name@version` or `name@alias` stands for.

        A bare name is the version called `stable`, or without one the newest that is intact.

        Raises:
            InvalidNameError: the reference can name nothing.
            NotInStoreError: no such model, version or alias.
            BrokenModelError: its file cannot be served.
            StorageError: its file cannot be read just now.
        """
        ref = _parse(reference)
        if ref.name not in self._stored:
            raise NotInStoreError(f"There is no model {ref.name!r}.")
        model = await self._find(self._stored[ref.name], ref.selector)
        if len(self._at_hand) < _MOST_AT_HAND:
            self._at_hand[reference] = model
        return model

    def at_hand(self, reference: str) -> LoadedModel | None:
        """The model, if `get` has found it before: what a reference means does not change."""
        return self._at_hand.get(reference)

    async def listing(self) -> Listing:
        """What can be served and what cannot, once every file of the store has been read."""
        if self._opening:
            await asyncio.shield(self._opening)
        found = await asyncio.gather(*map(self.get, self._stored), return_exceptions=True)
        models = tuple(each for each in found if isinstance(each, LoadedModel))
        broken = [*self._loader.broken.values(), *self._misplaced]
        return Listing(models, tuple(sorted(broken, key=lambda b: (b.name, b.version or 0))))

    def loaded(self) -> list[LoadedModel]:
        """The models in memory, by name and version."""
        return [model for _, model in sorted(self._loader.loaded.items(), key=lambda item: item[0])]

    def has(self, name: str, version: int) -> bool:
        """Whether there is such a version, intact or not."""
        return name in self._stored and version in self._stored[name].versions

    def stored(self, name: str) -> StoredModel:
        """A model's aliases, and its versions but for those known to be broken."""
        model = self._stored[name]
        intact = tuple(v for v in model.versions if (name, v) not in self._loader.broken)
        return replace(model, versions=intact)

    async def _find(self, model: StoredModel, selector: int | str | None) -> LoadedModel:
        if selector is None and not model.aliases_error and DEFAULT_ALIAS not in model.aliases:
            return await self._newest(model)
        return await self._loader.get((model.name, model.resolve(selector)))

    async def _newest(self, model: StoredModel) -> LoadedModel:
        for version in reversed(model.versions):
            try:
                return await self._loader.get((model.name, version))
            except BrokenModelError:
                continue
        raise broken_error(self._loader.broken[model.name, model.versions[-1]])

    async def _load_published(self) -> None:
        wanted = [
            self._find(model, selector)
            for model in self._stored.values()
            for selector in (None, *model.aliases)
        ]
        for error in await asyncio.gather(*wanted, return_exceptions=True):
            if isinstance(error, VaeError) and not isinstance(error, BrokenModelError):
                log.warning("%s", error)
            elif isinstance(error, Exception) and not isinstance(error, VaeError):
                log.error("A model could not be loaded.", exc_info=error)
        self.ready.set()
        await self._verify()

    async def _verify(self) -> None:
        """Reads what nobody has asked for yet, so that the listing tells of all that is broken."""
        found = await asyncio.to_thread(self._store.verify)
        self._misplaced = tuple(broken for broken in found if broken.version is None)
        for broken in found:
            if broken.version is not None:
                self._loader.mark_broken((broken.name, broken.version), broken)


@lru_cache(maxsize=1024)
def _parse(reference: str) -> ModelRef:
    try:
        return ModelRef.parse(reference)
    except InvalidNameError:
        # The store's own sentence shows what came; a response does not.
        raise InvalidNameError(
            "The path names no model; needed name, name@version or name@alias."
        ) from None
