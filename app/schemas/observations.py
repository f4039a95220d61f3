"""Values of features as they go out: codes, levels and counts as integers."""

from torch import Tensor

from app.loaded_model import LoadedModel


def drawn(model: LoadedModel, samples: Tensor) -> Tensor:
    """Draws: integers where every feature is discrete."""
    return samples.long() if model.measure == "probability" else samples


def central(model: LoadedModel, outputs: Tensor) -> Tensor:
    """Means, or codes as integers where every feature is unordered."""
    return outputs.long() if model.document.model.likelihood.name == "categorical" else outputs
