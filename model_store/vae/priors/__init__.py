"""p(z): where latents come from before any data is seen."""

from model_store.vae.priors.interface import KlEstimator, Prior, PriorLaw
from model_store.vae.priors.laws import GaussianLaw, MixtureLaw, StandardNormalLaw
from model_store.vae.priors.modules import MixturePrior, StandardNormal, VampPrior

__all__ = [
    "GaussianLaw",
    "KlEstimator",
    "MixtureLaw",
    "MixturePrior",
    "Prior",
    "PriorLaw",
    "StandardNormal",
    "StandardNormalLaw",
    "VampPrior",
]
