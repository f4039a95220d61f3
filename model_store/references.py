"""How a model is named: `name`, `name@3` (a version) or `name@canary` (an alias)."""

import re
from dataclasses import dataclass

from model_store.errors import InvalidNameError

DEFAULT_ALIAS = "stable"
"""The alias a bare name stands for, if the model has it; else its newest version."""

MAX_VERSION = 999_999_999

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_RULE = "up to 64 letters, digits, '.', '_' and '-', the first a letter or digit"


@dataclass(frozen=True)
class ModelRef:
    """A model and which of its versions is meant.

    Args:
        name: The model.
        selector: A version, an alias, or None for the default.
    """

    name: str
    selector: int | str | None = None

    @classmethod
    def parse(cls, text: str) -> "ModelRef":
        """The reference that `name`, `name@version` or `name@alias` stands for.

        Raises:
            InvalidNameError: no store can hold such a name, version or alias.
        """
        name, at, selector = text.partition("@")
        check_name(name)
        if not at:
            return cls(name)
        if (version := version_in(selector)) is not None:
            return cls(name, version)
        check_alias(selector)
        return cls(name, selector)

    def __str__(self) -> str:
        return self.name if self.selector is None else f"{self.name}@{self.selector}"


def is_name(text: str) -> bool:
    """Whether a model may be called so; no such name leads out of a folder."""
    return _NAME.fullmatch(text) is not None


def is_alias(text: str) -> bool:
    """Whether a version may be called so; all digits would read as its number."""
    return is_name(text) and not text.isdigit()


def check_name(name: str) -> None:
    """Refuses what cannot be the name of a model.

    Raises:
        InvalidNameError: the name breaks the rule.
    """
    if not is_name(name):
        raise InvalidNameError(f"{_shown(name)} is not a model's name; needed {_RULE}.")


def check_alias(alias: str) -> None:
    """Refuses what cannot be an alias.

    Raises:
        InvalidNameError: the alias breaks the rule.
    """
    if not is_alias(alias):
        raise InvalidNameError(
            f"{_shown(alias)} is neither a version from 1 to {MAX_VERSION} nor an alias; "
            f"an alias needs {_RULE}, and not digits only."
        )


def version_in(text: str) -> int | None:
    """The version that this text writes, in the one way versions are written."""
    return int(text) if _VERSION.fullmatch(text) else None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 64 else f"{text[:64]}…")
