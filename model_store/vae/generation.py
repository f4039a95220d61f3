"""From rows to latents and from latents to rows: encode, decode, sample, reconstruct, interpolate.

Like the estimators: rows in data units, NaN where a feature is missing, and a seed in, frozen
records out, the same for a row whatever rows stand beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.errors import ShapeError
from model_store.vae.chunks import draws, finite_rows, latent_blocks, row_blocks, rows_at_once
from model_store.vae.estimators.divergence import estimate_kl
from model_store.vae.likelihoods import Likelihood
from model_store.vae.model import VAE
from model_store.vae.noise import Noise
from model_store.vae.pieces import whole
from model_store.vae.posteriors import Posterior, together
from model_store.vae.priors import KlEstimator


@dataclass(frozen=True, eq=False)
class Encoding:
    """q(z | x) of each row: mean, standard deviation, KL to the prior in nats, and draws.

    `kl_standard_error` is None where the KL is analytic and has none.
    """

    loc: Float[Tensor, "rows latents"]
    scale: Float[Tensor, "rows latents"]
    kl_divergence: Float[Tensor, " rows"]
    kl_estimator: KlEstimator
    kl_standard_error: Float[Tensor, " rows"] | None
    samples: Float[Tensor, "rows k latents"] | None


@dataclass(frozen=True, eq=False)
class Decoding:
    """p(x | z) of each latent, in data units: its mean, its parameters by name, and draws.

    Parameters have shape (rows, *event), with one more axis for the categories of `probs`; those
    of a mixed table are named `column.parameter` and have shape (rows,) or (rows, categories).
    """

    outputs: Float[Tensor, "rows *event"]
    parameters: dict[str, Float[Tensor, "rows ..."]]
    samples: Float[Tensor, "rows k *event"] | None


@dataclass(frozen=True, eq=False)
class Samples:
    """Draws from the model and the latents they came from."""

    samples: Float[Tensor, "k *event"]
    latents: Float[Tensor, "k latents"]


@dataclass(frozen=True, eq=False)
class Interpolation:
    """Means along the straight line between two posterior means."""

    outputs: Float[Tensor, "rows steps *event"]
    latents: Float[Tensor, "rows steps latents"]


@torch.inference_mode()
def encode(vae: VAE, x: Float[Tensor, "rows *event"], *, num_samples: int, seed: int) -> Encoding:
    """Posterior of each row. A KL without a closed form comes from 256 draws of the seed.

    Raises:
        ShapeError, SupportError: x does not fit the model.
        OutOfRangeError: a row lies so far out that its posterior is not finite.
    """
    posterior = _posterior(vae, x)
    finite_rows(posterior.loc, "posterior")
    samples = None
    if num_samples > 0:
        noise = Noise(seed).normal(0, num_samples, vae.latent_dim).to(posterior.loc.device)
        samples = posterior.sample(noise).transpose(0, 1)
    kl = estimate_kl(vae, posterior, seed=seed)
    return Encoding(
        posterior.loc,
        posterior.scale,
        kl.kl_divergence,
        kl.estimator,
        kl.standard_error,
        samples,
    )


@torch.inference_mode()
def decode(
    vae: VAE, latents: Float[Tensor, "rows latents"], *, num_samples: int, seed: int
) -> Decoding:
    """Likelihood of each latent, in data units.

    Raises:
        ShapeError: latents are not (rows, latent_dim).
        OutOfRangeError: a latent lies so far out that its outputs are not finite.
    """
    blocks = list(_likelihoods(vae, _as_latents(vae, latents)))
    columns = [block.parameters() for block in blocks]
    parameters = {name: whole([column[name] for column in columns]) for name in columns[0]}
    outputs = whole([block.center for block in blocks])
    samples = None
    if num_samples > 0:
        uniforms = Noise(seed).uniform(0, num_samples, vae.num_features).to(vae.device)
        drawn = [torch.stack([block.sample(u) for u in uniforms], dim=1) for block in blocks]
        samples = vae.to_event(finite_rows(whole(drawn), "samples"))
    return Decoding(
        vae.to_event(finite_rows(outputs, "outputs")),
        {n: vae.to_event(finite_rows(value, n), after=1) for n, value in parameters.items()},
        samples,
    )


@torch.inference_mode()
def sample(
    vae: VAE, *, num_samples: int, seed: int, temperature: float, observation_noise: bool
) -> Samples:
    """Draws from the prior, decoded: draws of p(x | z), or its mean without observation noise.

    Raises:
        OutOfRangeError: the temperature is so high that an output is not finite.
    """
    noise = Noise(seed)
    latents = vae.prior_law().sample(
        noise.normal(0, num_samples, vae.latent_dim).to(vae.device),
        noise.component(0, num_samples).to(vae.device),
        temperature=temperature,
    )
    if observation_noise:
        outputs, start = [], 0
        for block in latent_blocks(vae, latents):
            stop = start + block.shape[0]
            uniforms = noise.uniform(start, stop, vae.num_features).to(vae.device)
            outputs.append(vae.data_likelihood(block).sample(uniforms))
            start = stop
        rows = whole(outputs)
    else:
        rows = _centers(vae, latents)
    return Samples(vae.to_event(finite_rows(rows, "samples")), latents)


@torch.inference_mode()
def reconstruct(
    vae: VAE, x: Float[Tensor, "rows *event"], *, num_samples: int, seed: int
) -> Float[Tensor, "rows *event"]:
    """Decoder mean at the posterior mean, or averaged over `num_samples` posterior draws.

    An unordered feature takes the code most probable on average.

    Raises:
        ShapeError, SupportError: x does not fit the model.
        OutOfRangeError: a row lies so far out that its reconstruction is not finite.
    """
    posterior = _posterior(vae, x)
    if num_samples == 0:
        outputs = _centers(vae, posterior.loc)
    else:
        blocks = posterior.split(rows_at_once(vae))
        outputs = whole([_averaged_center(vae, block, num_samples, seed) for block in blocks])
    return vae.to_event(finite_rows(outputs, "reconstruction"))


@torch.inference_mode()
def interpolate(
    vae: VAE,
    start: Float[Tensor, "rows *event"],
    end: Float[Tensor, "as_many *event"],
    *,
    steps: int,
) -> Interpolation:
    """Decoder means at `steps` equally spaced latents from one row's posterior mean to another's.

    Both ends are included; a single step is the start.

    Raises:
        ShapeError, SupportError: start or end does not fit the model, or their rows differ.
        OutOfRangeError: a row lies so far out that an output is not finite.
    """
    if start.shape[0] != end.shape[0]:
        raise ShapeError(
            f"start has {start.shape[0]} rows and end has {end.shape[0]}; needed as many of each."
        )
    first = _posterior(vae, start).loc.unsqueeze(1)
    last = _posterior(vae, end).loc.unsqueeze(1)
    weights = torch.linspace(0, 1, steps, device=first.device).unsqueeze(-1)
    latents = torch.lerp(first, last, weights)
    outputs = _centers(vae, latents.flatten(0, 1)).unflatten(0, latents.shape[:2])
    return Interpolation(vae.to_event(finite_rows(outputs, "interpolation")), latents)


def _averaged_center(
    vae: VAE, posterior: Posterior, num_samples: int, seed: int
) -> Float[Tensor, "rows features"]:
    """Center of the mixture of p(x | z) over draws of z."""
    laws = map(vae.data_likelihood, draws(vae, posterior, range(num_samples), seed=seed))
    law = next(laws)
    total_expectation = law.expectation.sum(dim=0)
    for law in laws:
        total_expectation += law.expectation.sum(dim=0)
    return law.center_of(total_expectation / num_samples)


def _posterior(vae: VAE, x: Tensor) -> Posterior:
    """q(z | x), a block of rows at a time."""
    return together([vae.posterior(b) for b in row_blocks(vae, vae.to_model_units(x))])


def _likelihoods(vae: VAE, z: Float[Tensor, "n latents"]) -> Iterator[Likelihood]:
    """p(x | z) in data units, a block of latents at a time."""
    return (vae.data_likelihood(block) for block in latent_blocks(vae, z))


def _centers(vae: VAE, z: Float[Tensor, "n latents"]) -> Float[Tensor, "n features"]:
    return whole([likelihood.center for likelihood in _likelihoods(vae, z)])


def _as_latents(vae: VAE, latents: Tensor) -> Tensor:
    if latents.shape[1:] != (vae.latent_dim,):
        raise ShapeError(
            f"latents have shape {tuple(latents.shape)}; this model takes (rows, {vae.latent_dim})."
        )
    return latents.to(vae.device, torch.float32)
