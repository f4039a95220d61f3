"""A reply about the rows of several requests, cut into one for each of them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from torch import Tensor

# What orjson writes alike whether it is a number of numpy's or of Python's.
_WRITTEN_ALIKE = (np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.bool_))
_WITH_ROWS = (Tensor, np.ndarray, list, dict)


def cut(fields: Mapping[str, Any], counts: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The fields of each request.

    Args:
        fields: The reply's: tensors, arrays and lists have one entry per row in front, also those
            in mappings; everything else is said of all rows.
        counts: How many rows are the first request's, the second's and so on.
    """
    columns = [_parts(value, counts) for value in fields.values()]
    for parts in zip(*columns, strict=True):
        yield dict(zip(fields, parts, strict=True))


def _parts(value: object, counts: Sequence[int]) -> Sequence[Any]:
    if isinstance(value, Tensor):
        tensors: Sequence[Tensor] = value.split(list(counts))
        return tensors
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype in _WRITTEN_ALIKE:
        # One call for all numbers, and slices of a list cost a tenth of an array's.
        value = value.tolist()
    if isinstance(value, list | np.ndarray):
        ends = [*accumulate(counts)]
        return [value[end - count : end] for end, count in zip(ends, counts, strict=True)]
    if isinstance(value, dict) and any(isinstance(v, _WITH_ROWS) for v in value.values()):
        return [*cut(value, counts)]
    return [value] * len(counts)
