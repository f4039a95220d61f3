"""Columns of a table by their numbers, which are looked up once and not for every batch."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

Columns = tuple[int, ...]


def picked(
    table: Shaped[Tensor, "*batch features"], columns: Columns
) -> Shaped[Tensor, "*batch n"]:
    """These columns of the table, in this order."""
    return table.index_select(-1, _index(columns, table.device))


def in_order(
    parts: Sequence[Shaped[Tensor, "*batch _"]], columns: tuple[Columns, ...]
) -> Shaped[Tensor, "*batch features"]:
    """The table whose columns are given in parts."""
    return picked(torch.cat(list(parts), dim=-1), _places(columns))


@lru_cache(maxsize=1_024)
def _index(numbers: Columns, device: torch.device) -> Int[Tensor, " n"]:
    """The numbers as a tensor; nobody writes into it."""
    # What is made in inference mode would be of no use where gradients are wanted.
    with torch.inference_mode(mode=False):
        return torch.tensor(numbers, dtype=torch.int64, device=device)


@lru_cache(maxsize=1_024)
def _places(columns: tuple[Columns, ...]) -> Columns:
    """Where each feature stands once the parts are laid side by side."""
    order = [column for part in columns for column in part]
    return tuple(sorted(range(len(order)), key=order.__getitem__))
