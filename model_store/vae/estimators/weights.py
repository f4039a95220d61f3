"""Log weights log w = log p(x | z) + log p(z) - log q(z | x), z drawn from a proposal q(z | x)."""

from jaxtyping import Float
from torch import Tensor

from model_store.vae.chunks import draws, row_blocks, rows_at_once
from model_store.vae.model import VAE
from model_store.vae.pieces import whole
from model_store.vae.posteriors import Posterior, together
from model_store.vae.refinement import refine
from model_store.vae.rows import Rows


def proposal_of(vae: VAE, rows: Rows, *, refine_steps: int, seed: int) -> Posterior:
    """The encoder's answer for each row, or a better one if there are steps to find it in."""
    posterior = together([vae.posterior(block) for block in row_blocks(vae, rows)])
    return refine(vae, rows, posterior, steps=refine_steps, seed=seed)


def log_weights(
    vae: VAE, rows: Rows, proposal: Posterior, samples: range, seed: int
) -> Float[Tensor, "k rows"]:
    """The log weights of the samples with these numbers, in nats and float64."""
    blocks = zip(row_blocks(vae, rows), proposal.split(rows_at_once(vae)), strict=True)
    return whole([weigh(vae, block, q, samples, seed) for block, q in blocks], dim=1)


def weigh(
    vae: VAE, rows: Rows, posterior: Posterior, samples: range, seed: int
) -> Float[Tensor, "k rows"]:
    """The log weights of one block of rows, its samples drawn from this posterior."""
    return whole(
        [
            vae.total_log_prob(rows, z) + vae.log_ratio(posterior, z)
            for z in draws(vae, posterior, samples, seed=seed)
        ]
    )
