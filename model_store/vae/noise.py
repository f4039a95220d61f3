"""Noise as a pure function of (seed, sample index), the same for every row.

A row's estimate must not depend on its neighbours, its place in a batch or how samples were cut
into chunks, so nothing here has a state. The numbers come from Philox, a counter-based generator
(Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3"): sample k always starts at its
own counter, whatever was drawn before it.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

MAX_SEED = 2**63 - 1

_LATENT_STREAM = 0
_OBSERVATION_STREAM = 1
_COMPONENT_STREAM = 2
_SEARCH_STREAM = 3
_TRIAL_STREAM = 4
# Tables as small as this are kept, 256 of them: requests ask for the same ones again and again.
_KEPT_NUMBERS = 2**13
_WORDS_PER_BLOCK = 4  # Philox yields four 64-bit words per counter value


class Noise(NamedTuple):
    """All the randomness of one request.

    Args:
        seed: 0 ... 2**63 - 1.
    """

    seed: int

    def normal(self, start: int, stop: int, width: int) -> Float[Tensor, "k width"]:
        """Standard normal noise for samples `start` ... `stop - 1`, for latents."""
        # Of a long estimate's many tables none is kept: they would lie between the large ones that
        # come and go, and the memory of these could not be given back.
        if start > 0 or stop * width > _KEPT_NUMBERS:
            return self._normal(_LATENT_STREAM, start, stop, width).float()
        return _kept_normal(self, start, stop, width)

    def search(self, start: int, stop: int, width: int) -> Float[Tensor, "k width"]:
        """Standard normal noise to look for a better proposal with; float64."""
        return self._normal(_SEARCH_STREAM, start, stop, width)

    def trial(self, start: int, stop: int, width: int) -> Float[Tensor, "k width"]:
        """Standard normal noise to compare proposals with, of which no estimate is made."""
        return self._normal(_TRIAL_STREAM, start, stop, width).float()

    def uniform(self, start: int, stop: int, width: int) -> Float[Tensor, "k width"]:
        """Uniform noise in (0, 1) for samples `start` ... `stop - 1`, for observations; float64."""
        return torch.from_numpy(self._uniforms(_OBSERVATION_STREAM, start, stop, width))

    def component(self, start: int, stop: int) -> Float[Tensor, " k"]:
        """Uniform noise in (0, 1) that picks a mixture's component for each sample; float64."""
        return torch.from_numpy(self._uniforms(_COMPONENT_STREAM, start, stop, 1)[:, 0])

    def _normal(self, stream: int, start: int, stop: int, width: int) -> Float[Tensor, "k width"]:
        uniforms = torch.from_numpy(self._uniforms(stream, start, stop, width))
        normal: Tensor = torch.special.ndtri(uniforms)
        return normal

    def _uniforms(self, stream: int, start: int, stop: int, width: int) -> np.ndarray:
        blocks = -(-width // _WORDS_PER_BLOCK)
        # advance counts blocks, not words.
        bits = np.random.Philox(key=np.array([self.seed, stream], dtype=np.uint64))
        bits.advance(start * blocks)
        words = bits.random_raw((stop - start) * blocks * _WORDS_PER_BLOCK)
        words = words.reshape(stop - start, blocks * _WORDS_PER_BLOCK)[:, :width]
        # Centres of 2**52 equal cells, each exact in float64: never 0 or 1, so every quantile
        # function stays finite. With one bit more the last centre would round to 1.
        uniforms: np.ndarray = ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
        return uniforms


@lru_cache(maxsize=256)
def _kept_normal(noise: Noise, start: int, stop: int, width: int) -> Float[Tensor, "k width"]:
    """`Noise.normal`, made once; nobody writes into it."""
    # What is made in inference mode would be of no use where gradients are wanted.
    with torch.inference_mode(mode=False):
        return noise._normal(_LATENT_STREAM, start, stop, width).float()
