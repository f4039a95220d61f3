"""q(z | x): what the encoder says about the latents of a row."""

from model_store.vae.posteriors.diagonal import DiagonalGaussian
from model_store.vae.posteriors.full import FullGaussian
from model_store.vae.posteriors.interface import (
    LOG_SCALE_RANGE,
    LOG_VARIANCE_RANGE,
    Posterior,
    together,
)

__all__ = [
    "LOG_SCALE_RANGE",
    "LOG_VARIANCE_RANGE",
    "DiagonalGaussian",
    "FullGaussian",
    "Posterior",
    "together",
]
