"""Small bodies of one kind and length, read together: most are one another but for their digits."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from app.heads import Kind
from app.routes.media import Sent
from app.wire import json
from app.wire.digits import Template, template_of

# What is remembered takes a few megabytes at most.
_LONGEST_REMEMBERED = 2**16
_MOST_REMEMBERED = 64


class Body(NamedTuple):
    """What a body holds.

    Args:
        options: Its fields but for rows; those that are known to be the same are one object.
        arrays: The rows, by the names of their fields.
        rows: How many; one where there are no fields of rows.
        key: What it has in common with those it can be answered with; None if it cannot be.
    """

    options: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    rows: int
    key: Hashable | None


class _Known(NamedTuple):
    """What a body that has been read has in common with others.

    Args:
        body: The body.
        name: Of its field of rows.
        template: What is compared.
    """

    body: Body
    name: str
    template: Template

    def read(self, sent: Sequence[Sent]) -> list[Body | None]:
        """What those bodies hold that differ from it in nothing but digits."""
        fits, digits = self.template.read([each.content for each in sent])
        options, _, rows, key = self.body
        return [
            Body(options, {self.name: each}, rows, key) if fit else None
            for fit, each in zip(fits, digits, strict=True)
        ]


class Reader:
    """Reads bodies, and remembers one of each kind and length to compare the next ones with."""

    def __init__(self) -> None:
        self._known: dict[tuple[Kind, int], _Known | None] = {}

    def read(self, kind: Kind, sent: Sequence[Sent]) -> list[Body | None]:
        """What each body holds; None for one that cannot be read.

        Args:
            kind: Of all of them.
            sent: Bodies of one length.
        """
        key = kind, len(sent[0].content)
        known = self._known.get(key)
        found: list[Body | None] = [None] * len(sent)
        # Where there was nothing in common a lone body is not looked at again.
        if known is None and (len(sent) > 1 or key not in self._known):
            found[0] = _alone(kind, sent[0])
            known = self._remember(key, sent[0], found[0])
        if known is not None:
            found = known.read(sent)
            if not any(found):
                # It will be another one that the next are compared with.
                del self._known[key]
        return [b or _alone(kind, each) for b, each in zip(found, sent, strict=True)]

    def _remember(self, key: tuple[Kind, int], sent: Sent, body: Body | None) -> _Known | None:
        if body is None or key[1] > _LONGEST_REMEMBERED:
            return None
        known = None
        if len(body.arrays) == 1 and sent.media_type == json.MEDIA_TYPE:
            ((name, rows),) = body.arrays.items()
            template = template_of(bytes(sent.content), rows)
            known = None if template is None else _Known(body, name, template)
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[key] = known
        return known


def _alone(kind: Kind, sent: Sent) -> Body | None:
    arrays: dict[str, np.ndarray] = {}
    options: dict[str, Any] = {}
    try:
        fields = kind.media.fields_of(sent)
    except Exception:  # noqa: BLE001 - it will be raised again where it is told
        return None
    for name, value in fields.items():
        if type(value) is Tensor:
            arrays[name] = value.numpy()
        else:
            options[name] = value
    rows = len(next(iter(arrays.values()))) if arrays else 1
    return Body(options, arrays, rows, _key_of(kind, options, arrays))


def _key_of(
    kind: Kind, options: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> Hashable | None:
    whole = kind.media.question.of_whole_requests
    # Without rows, or with an option that is about all rows of a request, it asks by itself.
    if not arrays or any(name in options for name in whole):
        return None
    key = (kind, *arrays, *options.items(), *map(type, options.values()))
    try:
        hash(key)
    except TypeError:  # an option is a list
        return None
    return key
