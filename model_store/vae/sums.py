"""Sums over features and latents: in float64, for they are long and their differences matter."""

import torch
from jaxtyping import Float
from torch import Tensor


def total(values: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
    """Sum over the last axis in float64, where the device has it."""
    return values.sum(dim=-1, dtype=widest_float(values.device))


def widest_float(device: torch.device) -> torch.dtype:
    """float64, but on Apple's accelerators, which have none."""
    return torch.float32 if device.type == "mps" else torch.float64


def bounded(values: Float[Tensor, "*batch"], *, low: bool = False) -> Float[Tensor, "*batch"]:
    """The values in float64, what is not finite as the largest number that float32 has.

    With `low`, NaN is the smallest.
    """
    largest = torch.finfo(torch.float32).max
    return values.double().nan_to_num(-largest if low else largest).clamp(-largest, largest)
