"""Rows held in memory, in model units, handed out in shuffled batches."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor


class Batches:
    """An epoch of batches each time it is iterated; the order comes from its own generator.

    No DataLoader: rows that fit in memory need no workers, no collation and no copy per row.

    Args:
        y: Rows in model units, shape (rows, features), on the device to train on.
        size: Rows in a batch; the last batch of an epoch may be smaller.
        seed: Of the order and of resampled pixels.
        resample: Treat y as probabilities and draw fresh binary pixels on every pass (dynamic
            binarisation; Salakhutdinov & Murray, 2008).
    """

    def __init__(self, y: Tensor, *, size: int, seed: int, resample: bool = False) -> None:
        self.num_rows = y.shape[0]
        self._y = y
        self._size = min(size, y.shape[0])
        self._resample = resample
        self._order = torch.Generator().manual_seed(seed)
        self._pixels = torch.Generator(y.device).manual_seed(seed)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return math.ceil(self.num_rows / self._size)

    def __iter__(self) -> Iterator[Tensor]:
        """One epoch."""
        order = torch.randperm(self.num_rows, generator=self._order).to(self._y.device)
        for rows in order.split(self._size):
            batch = self._y[rows]
            yield torch.bernoulli(batch, generator=self._pixels) if self._resample else batch
