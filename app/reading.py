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
    found = [_alone(media, sent[0])]
    first = found[0]
    if first is None or len(sent) == 1 or len(first.arrays) != 1 or not _is_json(sent[0]):
        return found + [_alone(media, each) for each in sent[1:]]
    ((name, rows),) = first.arrays.items()
    alike = read_alike([each.content for each in sent], rows)
    if alike is None:
        return found + [_alone(media, each) for each in sent[1:]]
    fits, digits = alike
    others = zip(sent[1:], fits[1:], digits[1:].astype(np.float32), strict=True)
    return found + [
        Body(first.options, {name: array}, first.rows) if fit else _alone(media, each)
        for each, fit, array in others
    ]


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


def _is_json(sent: Sent) -> bool:
    return sent.media_type == json.MEDIA_TYPE
