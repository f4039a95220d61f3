"""A better proposal than the encoder's, found for each row by itself.

An encoder answers at once, for all rows by one network, and mostly as if the latents were
independent given x. What that costs (Cremer et al., 2018, arXiv:1801.03558) can be bought back at
the time of asking, by maximising the elbo of each row over its own q(z) = N(loc, L L') (semi-
amortised: Kim et al., 2018, arXiv:1802.02550). A step is one of natural gradient, estimated by a
linear regression (Salimans & Knowles, 2013, arXiv:1206.6679): with z = loc + L e and e ~ N(0, I),

    d log w / d e  ~  g + H e,     precision of e -> I - r H,     mean of e -> r (I - r H)^-1 g.

The derivative is that along the path of the draws alone. It is zero at every draw where q is the
exact posterior, so nothing moves a q that is (Roeder et al., 2017, arXiv:1703.09194), and it is
linear where the posterior is Gaussian, so with r = 1 a single step finds one that is not far.
"""

import math
from dataclasses import fields, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from model_store.vae.chunks import rows_at_once
from model_store.vae.diagnostics import EQUAL_WITHIN
from model_store.vae.model import VAE
from model_store.vae.noise import Noise
from model_store.vae.posteriors import DiagonalGaussian, FullGaussian, Posterior, together
from model_store.vae.rows import Rows

MAX_STEPS = 50

# With more latents than this, correlations stay as the encoder says: their number grows as the
# square, and the time to find them as the cube.
MAX_CORRELATED = 64

# Pairs of opposite directions that a step looks into: never more than so many, which is what it
# costs; never fewer than so many, or it would see too little of a posterior that is not Gaussian.
_MOST_PAIRS, _LEAST_PAIRS = 16, 8

# Steps after which r is half of what it was: the draws of more and more steps are averaged.
_HALVED_AFTER = 10

# A step changes no variance by more than a factor of two and moves the mean by no more than one
# standard deviation in each latent: beyond, nothing is known of how the derivative goes on.
_PRECISION_RANGE = (0.5, 2.0)
_LONGEST_MOVE = 1.0

_LARGEST_SLOPE = 1e6  # Whatever is larger is cut anyway, and would overflow.

# In standard deviations of each latent over the root of their number, where log w varies by a nat.
_WIDENING = 0.5

_TRIALS = 64
_PASSES_PER_GRADIENT = 3  # One forward, and one back that is worth two.


def samples_worth(latents: int, steps: int) -> int:
    """How many importance samples could be drawn for the work that the steps take, for each row."""
    if steps == 0:
        return 0
    return steps * _PASSES_PER_GRADIENT * _num_directions(latents) + 3 * _TRIALS


def refine(vae: VAE, rows: Rows, posterior: Posterior, *, steps: int, seed: int) -> Posterior:
    """Proposals nearer to the true posterior than these, or these where none was found.

    Latents of the answer are correlated, also where those of the posterior are not. The noise is
    not that of any estimate, so that no estimate is biased by the choice.

    Args:
        vae: The model.
        rows: The rows.
        posterior: Where to start from: the encoder's answer for each row.
        steps: 0 ... MAX_STEPS; with 0 the posterior stays as it is.
        seed: Of the noise.
    """
    if steps == 0:
        return posterior
    count = rows_at_once(vae, samples=_num_directions(vae.latent_dim))
    # What was made in inference mode cannot be differentiated through; copies of it can.
    with torch.inference_mode(mode=False), torch.no_grad():
        blocks = [
            _refine_block(vae, _copy(part), start, steps, Noise(seed))
            for part, start in zip(rows.split(count), posterior.split(count), strict=True)
        ]
        return together(blocks)


def _refine_block(
    vae: VAE, rows: Rows, posterior: Posterior, steps: int, noise: Noise
) -> Posterior:
    start = FullGaussian.from_factor(posterior.loc.clone(), posterior.factor.clone())
    proposal = start
    for step in range(steps):
        directions = _directions(noise, step, vae.latent_dim).to(start.loc)
        slopes = _slopes(vae, rows, proposal, directions)
        # Fewer directions than latents show each of them now and then only.
        rate = min(1.0, _MOST_PAIRS / vae.latent_dim) / (1 + step / _HALVED_AFTER)
        proposal = _moved(proposal, directions, slopes, rate)
    proposal = _widened(vae, rows, proposal, noise)
    better = _is_better(vae, rows, start, proposal, noise) & ~rows.is_empty
    chosen = {
        f.name: torch.where(better[:, None], getattr(proposal, f.name), getattr(start, f.name))
        for f in fields(start)
    }
    if vae.latent_dim > MAX_CORRELATED and isinstance(posterior, DiagonalGaussian):
        return DiagonalGaussian(chosen["loc"], chosen["log_diagonal"])
    return replace(start, **chosen)


def _directions(noise: Noise, step: int, latents: int) -> Float[Tensor, "k latents"]:
    """Noise whose mean is exactly 0 and, but for more latents than pairs, covariance exactly I.

    Blocks of orthogonal directions, all of a block as long as a draw of N(0, I) might be, and their
    opposites. Whatever is linear in the noise has its mean and its slope from them without error.
    """
    blocks = -(-_LEAST_PAIRS // latents)
    first = step * blocks * latents
    draws = noise.search(first, first + blocks * latents, latents).unflatten(0, (blocks, latents))
    squares = draws[:, 0].square().sum(dim=-1)
    lengths = (squares * latents / squares.mean()).sqrt()
    orthogonal = torch.linalg.qr(draws).Q * lengths[:, None, None]
    half = orthogonal.flatten(0, 1)[: _num_directions(latents) // 2]
    return torch.cat([half, -half])


def _num_directions(latents: int) -> int:
    whole_blocks = -(-_LEAST_PAIRS // latents) * latents
    return 2 * min(whole_blocks, _MOST_PAIRS)


def _slopes(
    vae: VAE, rows: Rows, proposal: Posterior, noise: Float[Tensor, "k latents"]
) -> Float[Tensor, "k rows latents"]:
    """Derivative of log w by the noise, to which log q adds the noise itself."""
    with torch.enable_grad():
        z = proposal.sample(noise).requires_grad_()
        (gradient,) = torch.autograd.grad(_log_joint(vae, rows, z).sum(), z)
    slopes = torch.einsum("rij,kri->krj", proposal.factor, gradient) + noise.unsqueeze(1)
    # A row that is so far out that there is none stays where it is.
    finite = slopes.isfinite().all(dim=-1, keepdim=True).all(dim=0, keepdim=True)
    return torch.where(finite, slopes, 0.0).clamp(-_LARGEST_SLOPE, _LARGEST_SLOPE)


def _moved(
    proposal: Posterior,
    noise: Float[Tensor, "k latents"],
    slopes: Float[Tensor, "k rows latents"],
    rate: float,
) -> FullGaussian:
    """The proposal after a step, which is a Gaussian in units of its own noise."""
    curvature = torch.einsum("kri,kj->rij", slopes, noise) / len(noise)
    values, vectors = _spectrum(0.5 * (curvature + curvature.mT))
    precision = 1 - rate * values
    along = torch.einsum("rij,ri->rj", vectors, slopes.mean(dim=0))
    # The longest way may be to where the posterior is much narrower than q: there, cut the
    # variance step by step, but take the mean for what it is.
    move = rate * along / precision.clamp(min=_PRECISION_RANGE[0])
    longest = _LONGEST_MOVE * math.sqrt(noise.shape[1])
    move = move * (longest / move.norm(dim=-1, keepdim=True).clamp(min=longest))
    mean = torch.einsum("rij,rj->ri", vectors, move)
    covariance = (vectors / precision.clamp(*_PRECISION_RANGE).unsqueeze(1)) @ vectors.mT
    return FullGaussian.from_factor(
        proposal.loc + torch.einsum("rij,rj->ri", proposal.factor, mean),
        proposal.factor @ torch.linalg.cholesky(covariance),
    )


def _spectrum(symmetric: Float[Tensor, "rows n n"]) -> tuple[Tensor, Tensor]:
    """Eigenvalues (rows, n), and eigenvectors in columns; of the diagonal alone if n is large."""
    if symmetric.shape[-1] <= MAX_CORRELATED:
        values, vectors = torch.linalg.eigh(symmetric)
        return values, vectors
    unit = torch.eye(symmetric.shape[-1]).to(symmetric)
    return symmetric.diagonal(dim1=-2, dim2=-1), unit.expand_as(symmetric)


def _widened(vae: VAE, rows: Rows, proposal: FullGaussian, noise: Noise) -> FullGaussian:
    """A little wider, the more so the less the true posterior is a Gaussian.

    What maximises the elbo is narrower than the posterior where the two differ, and importance
    sampling pays more for a tail that is missed than for one that is not there.
    """
    z = proposal.sample(noise.trial(0, _TRIALS, vae.latent_dim).to(proposal.loc))
    spread = (_log_joint(vae, rows, z) - proposal.log_prob(z)).std(dim=0)
    wider = 1 + _WIDENING / math.sqrt(vae.latent_dim) * spread.clamp(max=1.0)
    log_wider = wider.log().to(proposal.log_diagonal).unsqueeze(-1)
    return replace(proposal, log_diagonal=proposal.log_diagonal + log_wider)


def _is_better(
    vae: VAE, rows: Rows, old: Posterior, new: Posterior, noise: Noise
) -> Bool[Tensor, " rows"]:
    """Whether new is nearer than old to the true posterior p, both ways round.

    KL(q || p) is what the elbo falls short by; it does not mind that q has lost a mode of p. That
    KL(p || q) does, and the samples that importance sampling needs grow as its exponential
    (Chatterjee & Diaconis, 2018, arXiv:1511.01437). Their difference is a mean under p, taken from
    the draws of old and new together, weighed as draws of both.
    """
    trials = noise.trial(_TRIALS, 2 * _TRIALS, vae.latent_dim).to(old.loc)
    z = torch.cat([old.sample(trials), new.sample(trials)])
    log_joint, of_old, of_new = _log_joint(vae, rows, z), old.log_prob(z), new.log_prob(z)
    elbo_of_old = (log_joint - of_old)[:_TRIALS].mean(dim=0)
    elbo_of_new = (log_joint - of_new)[_TRIALS:].mean(dim=0)
    weights = torch.softmax(log_joint - torch.logaddexp(of_old, of_new), dim=0)
    gained = (weights * (of_new - of_old)).sum(dim=0)
    # Less than rounding can do is no reason to leave the encoder's.
    return (elbo_of_new > elbo_of_old + EQUAL_WITHIN) & (gained >= 0)


def _log_joint(vae: VAE, rows: Rows, z: Float[Tensor, "k rows latents"]) -> Float[Tensor, "k rows"]:
    return vae.total_log_prob(rows, z) + vae.prior_law().log_prob(z)


def _copy(rows: Rows) -> Rows:
    observed = None if rows.observed is None else rows.observed.clone()
    log_abs_det = None if rows.log_abs_det is None else rows.log_abs_det.clone()
    return Rows(rows.y.clone(), log_abs_det, observed)
