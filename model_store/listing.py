"""What a store says of its content: models, versions, aliases, and what cannot be served."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from model_store.errors import NotInStoreError
from model_store.references import DEFAULT_ALIAS


@dataclass(frozen=True)
class BrokenFile:
    """Something in the store that cannot be served.

    Args:
        name: The model, or the entry of the store that is none.
        version: None where it is not even a version.
        reason: One sentence, without a path.
    """

    name: str
    version: int | None
    reason: str


@dataclass(frozen=True)
class StoredModel:
    """A model's versions and aliases, as they were when the store was asked.

    Args:
        name: The model.
        versions: Ascending and never empty; a listed version may still be broken.
        aliases: Alias to version.
        aliases_error: Why the aliases could not be read, if they could not.
    """

    name: str
    versions: tuple[int, ...]
    aliases: Mapping[str, int] = field(default_factory=dict)
    aliases_error: str | None = None

    def resolve(self, selector: int | str | None = None) -> int:
        """The version meant: for None the one called `stable`, or without it the newest.

        Raises:
            NotInStoreError: no such version or alias, or the aliases cannot be read. The newest
                version does not stand in for an unreadable `stable`: nobody has approved of it.
        """
        if isinstance(selector, int):
            if selector not in self.versions:
                raise NotInStoreError(f"There is no version {selector} of {self.name!r}.")
            return selector
        if self.aliases_error:
            raise NotInStoreError(
                f"The aliases of {self.name!r} cannot be read; "
                f"needed a version, such as {self.name}@{self.versions[-1]}."
            )
        if selector is None and DEFAULT_ALIAS not in self.aliases:
            return self.versions[-1]
        return self._aliased(DEFAULT_ALIAS if selector is None else selector)

    def broken_aliases(self) -> list[BrokenFile]:
        """What is wrong with the aliases, one entry each."""
        if self.aliases_error:
            return [BrokenFile(self.name, None, f"Its aliases.json {self.aliases_error}.")]
        return [
            BrokenFile(self.name, None, f"Its alias {alias} points at {version}, which is gone.")
            for alias, version in self.aliases.items()
            if version not in self.versions
        ]

    def _aliased(self, alias: str) -> int:
        version = self.aliases.get(alias)
        if version is None:
            raise NotInStoreError(f"Model {self.name!r} has no alias {alias!r}.")
        if version not in self.versions:
            raise NotInStoreError(f"{self.name}@{alias} is version {version}, which is gone.")
        return version
