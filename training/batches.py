"""Rows held in memory, in model units, handed out in shuffled batches."""

import math
from collections.abc import Iterator
from dataclasses import replace

import torch

from model_store.vae.rows import Rows


class Batches:
    """An epoch of batches each time it is iterated; the order comes from its own generator.

    No DataLoader: rows that fit in memory need no workers, no collation and no copy per row.

    Args:
        rows: Rows in model units, on the device to train on.
        size: Rows in a batch; the last batch of an epoch may be smaller.
        seed: Of the order and of resampled pixels.
        resample: Treat values as probabilities and draw fresh binary pixels on every pass (dynamic
            binarisation; Salakhutdinov & Murray, 2008).
    """

    def __init__(self, rows: Rows, *, size: int, seed: int, resample: bool = False) -> None:
        self.num_rows = len(rows)
        self._rows = rows
        self._size = min(size, len(rows))
        self._resample = resample
        self._order = torch.Generator().manual_seed(seed)
        self._pixels = torch.Generator(rows.y.device).manual_seed(seed)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return math.ceil(self.num_rows / self._size)

    def __iter__(self) -> Iterator[Rows]:
        """One epoch."""
        order = torch.randperm(self.num_rows, generator=self._order).to(self._rows.y.device)
        for places in order.split(self._size):
            batch = self._rows.select(places)
            yield self._drawn(batch) if self._resample else batch

    def _drawn(self, batch: Rows) -> Rows:
        return replace(batch, y=torch.bernoulli(batch.y, generator=self._pixels))
