"""Small bodies of one kind and length, read together: most are the first one but for its digits."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from app.routes.media import Media, Sent
from app.wire import json
from app.wire.digits import read_alike


class Body(NamedTuple):
    """What a body holds.

    Args:
        options: Its fields but for rows; those that are known to be the same are one object.
        arrays: The rows, by the names of their fields.
        rows: How many; one where there are no fields of rows.
    """

    options: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    rows: int


def read(media: Media, sent: Sequence[Sent]) -> list[Body | None]:
    """What each body holds; None for one that cannot be read.

    Args:
        media: The bodies of the question.
        sent: Bodies of one media type, query and length.
    """
    first, others = _alone(media, sent[0]), sent[1:]
    alike = _alike(first, sent) if first is not None and others else [None] * len(others)
    return [first, *(b or _alone(media, each) for b, each in zip(alike, others, strict=True))]


def _alike(first: Body, sent: Sequence[Sent]) -> Sequence[Body | None]:
    """What all but the first hold; None for one that differs from it in more than digits."""
    found = None
    if len(first.arrays) == 1 and sent[0].media_type == json.MEDIA_TYPE:
        ((name, rows),) = first.arrays.items()
        found = read_alike([each.content for each in sent], rows)
    if found is None:
        return [None] * (len(sent) - 1)
    fits, digits = found
    others = zip(fits[1:], digits[1:].astype(np.float32), strict=True)
    return [Body(first.options, {name: each}, first.rows) if fit else None for fit, each in others]


def _alone(media: Media, sent: Sent) -> Body | None:
    arrays: dict[str, np.ndarray] = {}
    options: dict[str, Any] = {}
    try:
        fields = media.fields_of(sent)
    except Exception:  # noqa: BLE001 - it will be raised again where it is told
        return None
    for name, value in fields.items():
        if type(value) is Tensor:
            arrays[name] = value.numpy()
        else:
            options[name] = value
    return Body(options, arrays, len(next(iter(arrays.values()))) if arrays else 1)
