"""Sums over features and latents: in float64, for they are long and their differences matter."""

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

_MANY = 2**13  # numbers, for which one more call pays
_SMALLEST_GROUP, _LARGEST_GROUP = 32, 64


def total(values: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
    """Sum over the last axis in float64, where the device has it."""
    return values.sum(dim=-1, dtype=torch.float32 if values.is_mps else torch.float64)


def total_of_one_sign(values: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
    """The total of numbers none of which has another sign than the others.

    Where they are many, neighbours are added in float32 first, at most 64 of them, for torch would
    write each down in float64 before it adds. As nothing cancels, the total's relative error is
    below that of 64 roundings, 4e-6, and about that of one.
    """
    group = _group(values.shape[-1])
    if group == 1 or values.numel() < _MANY or not values.is_contiguous():
        return total(values)
    return total(values.view(*values.shape[:-1], -1, group).sum(dim=-1))


@lru_cache(maxsize=1_024)
def _group(count: int) -> int:
    """The largest number of neighbours that so many can be put together by; 1 if that is small."""
    group = max(size for size in range(1, _LARGEST_GROUP + 1) if count % size == 0)
    return group if group >= _SMALLEST_GROUP else 1


def widest_float(device: torch.device) -> torch.dtype:
    """float64, but on Apple's accelerators, which have none."""
    return torch.float32 if device.type == "mps" else torch.float64


def bounded(values: Float[Tensor, "*batch"], *, low: bool = False) -> Float[Tensor, "*batch"]:
    """The values in float64, what is not finite as the largest number that float32 has.

    With `low`, NaN is the smallest.
    """
    largest = torch.finfo(torch.float32).max
    return values.double().nan_to_num(-largest if low else largest).clamp(-largest, largest)
