"""A model that is written down and not trained: everything about it is known in closed form.

p(z) = N(0, I) and p(x | z) = N(W z + b, s^2 I), with W and b drawn from the seed. Its posterior is
a Gaussian (Tipping & Bishop, 1999), so that every answer of the service can be held against a
formula: `python -m benchmarks.exactness` does.
"""

import math

import torch
from torch import Tensor

from model_store.build import build_vae
from model_store.schema import DataSummary, Feature, Gaussian, LinearGaussianEncoder, ModelSchema
from model_store.store import FolderStore
from model_store.vae.encoders import LinearGaussianEncoder as Encoder
from model_store.vae.generation import sample
from model_store.vae.likelihoods import GaussianHead
from model_store.vae.model import VAE
from training.config import TrainingConfig
from training.errors import DataError
from training.evaluate import evaluate
from training.publish import Published, make_checkpoint, with_calibration

SOURCE = "linear-gaussian"

NUM_FEATURES = 50
LATENT_DIM = 3  # few enough that the best diagonal posterior is not far from the true one
NOISE_SCALE = 1.0
HELD_OUT_ROWS = 1_000
CALIBRATION_ROWS = 999

_FLAGS = {"source", "name", "store", "latent_dim", "posterior", "seed", "quiet", "as_json"}


def write_down(config: TrainingConfig) -> Published:
    """Publishes the model: with its exact posterior, or the best diagonal one.

    Raises:
        DataError: a flag that means nothing here.
        StoreError: the name or the store.
    """
    _refuse_flags(config)
    store, name = FolderStore(config.store), config.name or SOURCE
    store.check_writable(name)
    config = config.model_copy(update={"latent_dim": config.latent_dim or LATENT_DIM})
    model = _describe(config)
    vae = _build(model, config.seed)
    # Nothing was trained, so any rows are as good as any others.
    rows, calibration, reference, usual = _drawn(vae, config.seed)
    evaluation = evaluate(vae, rows, [feature.name for feature in model.features])
    data = DataSummary(
        source=SOURCE,
        train_rows=0,
        validation_rows=0,
        test_rows=len(rows),
        calibration_rows=len(calibration),
    )
    checkpoint = make_checkpoint(
        vae, model, config, data, evaluation, objective="none: written down, not trained"
    )
    checkpoint = with_calibration(checkpoint, calibration, reference, usual)
    return Published(name, store.publish(name, checkpoint), checkpoint.document)


def _drawn(vae: VAE, seed: int) -> tuple[Tensor, ...]:
    """Rows to evaluate, to calibrate, to compare with and to learn what is usual from."""
    counts = [HELD_OUT_ROWS, CALIBRATION_ROWS, HELD_OUT_ROWS, HELD_OUT_ROWS]
    drawn = sample(vae, num_samples=sum(counts), seed=seed, temperature=1.0, observation_noise=True)
    parts: tuple[Tensor, ...] = drawn.samples.split(counts)
    return parts


def _refuse_flags(config: TrainingConfig) -> None:
    for name in sorted(config.model_fields_set - _FLAGS):
        raise DataError(
            f"--{name.replace('_', '-')} means nothing for {SOURCE}, which is not trained; "
            f"it takes --latent-dim, --posterior, --seed, --name and --store."
        )


def _describe(config: TrainingConfig) -> ModelSchema:
    return ModelSchema(
        event_shape=(NUM_FEATURES,),
        latent_dim=config.latent_dim or LATENT_DIM,
        features=tuple(
            Feature(name=f"x[{i}]", kind="real", likelihood="gaussian") for i in range(NUM_FEATURES)
        ),
        likelihood=Gaussian(scale="fixed"),
        encoder=LinearGaussianEncoder(name="linear_gaussian"),
        posterior=config.posterior,
    )


@torch.no_grad()
def _build(model: ModelSchema, seed: int) -> VAE:
    """The decoder's W, b and s, and the encoder's formula with the same."""
    vae = build_vae(model)
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(NUM_FEATURES, model.latent_dim, generator=generator)
    bias = torch.randn(NUM_FEATURES, generator=generator)
    log_scale = torch.full((NUM_FEATURES,), math.log(NOISE_SCALE))
    vae.decoder.output.weight.copy_(weight)
    vae.decoder.output.bias.copy_(bias)
    _scale_of(vae).copy_(log_scale)
    if isinstance(vae.encoder, Encoder):
        vae.encoder.weight.copy_(weight)
        vae.encoder.bias.copy_(bias)
        vae.encoder.log_scale.copy_(log_scale)
    return vae.freeze()


def _scale_of(vae: VAE) -> Tensor:
    if not isinstance(vae.head, GaussianHead):
        raise TypeError("A linear Gaussian model has a Gaussian likelihood.")
    return vae.head.raw_log_scale
