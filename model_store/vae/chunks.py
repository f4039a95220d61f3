"""How work is cut so that its intermediates fit a cache, and what becomes of rows that overflow."""

import math
from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor

from model_store.errors import OutOfRangeError
from model_store.vae.frozen import BLOCKS
from model_store.vae.model import VAE
from model_store.vae.noise import Noise
from model_store.vae.posteriors import Posterior
from model_store.vae.rows import Rows

# Largest intermediate, in float32 elements (1 MiB): small enough for a CPU's cache, large enough
# that the arithmetic outweighs the calls.
CHUNK_ELEMENTS = 2**18


def rows_at_once(vae: VAE, *, samples: int = 1) -> int:
    """How many rows make a chunk with so many samples each: at least one.

    Where they are many, as many as a frozen network multiplies without a rest.
    """
    count, whole = CHUNK_ELEMENTS // (vae.widest * samples), BLOCKS[0]
    return max(1, count - count % whole if count > whole else count)


def row_blocks(vae: VAE, rows: Rows, *, samples: int = 1) -> list[Rows]:
    """The rows in blocks whose widest layer is one chunk."""
    return rows.split(rows_at_once(vae, samples=samples))


def latent_blocks(vae: VAE, z: Float[Tensor, "n latents"]) -> tuple[Tensor, ...]:
    """Latents in blocks whose widest layer is one chunk."""
    blocks: tuple[Tensor, ...] = z.split(rows_at_once(vae))
    return blocks


def sample_ranges(vae: VAE, samples: range, *, rows: int) -> Iterator[range]:
    """The samples of so many rows, in order, in ranges whose widest layer is one chunk."""
    step = rows_at_once(vae, samples=max(1, rows))
    for start in range(samples.start, samples.stop, step):
        yield range(start, min(start + step, samples.stop))


def draws(
    vae: VAE, posterior: Posterior, samples: range, *, seed: int
) -> Iterator[Float[Tensor, "k rows latents"]]:
    """Latents of the samples with these numbers, in order, a chunk at a time."""
    noise, loc = Noise(seed), posterior.loc
    for part in sample_ranges(vae, samples, rows=loc.shape[0]):
        yield posterior.sample(noise.normal(part.start, part.stop, vae.latent_dim).to(loc.device))


def finite_rows(values: Tensor, quantity: str) -> Tensor:
    """The values as they are.

    Raises:
        OutOfRangeError: a row of them holds NaN or an infinity.
    """
    # The sum of one is itself.
    if math.isfinite(float(values if values.numel() == 1 else values.sum())):
        return values
    wrong = ~values.isfinite().reshape(values.shape[0], -1).all(dim=1)
    if bool(wrong.any()):
        raise OutOfRangeError(row=int(wrong.nonzero()[0]), quantity=quantity)
    return values
