"""What is chosen from the data where the config says nothing, each with its reason."""

import math
import os
from collections.abc import Callable, Mapping
from typing import TypeVar

import torch

from training.config import TrainingConfig
from training.errors import DataError
from training.fit import FitOptions

Value = TypeVar("Value")

# Three residual layers: on the digits deeper than two was worth 0.7 nats, wider nothing.
HIDDEN_SIZES = (256, 256, 256)
MAX_LATENT_DIM = 32
PRIOR_COMPONENTS = {"standard_normal": None, "mixture": 32, "vamp_prior": 128}
FEW_ROWS = 20_000  # an encoder of this size can learn fewer rows by heart
TARGET_STEPS = 5_000  # where the curves of small and middle-sized sets had flattened
EPOCHS_RANGE = (20, 250)
LINEAR_STEPS = 3_000
GAPS_MISSING_RATE = 0.2
SMALL_LAYER = 128 * 256  # activations; measured on two cores


_DEVICES: Mapping[str, Callable[[], bool]] = {
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
    "cpu": lambda: True,
}


def complete(
    config: TrainingConfig,
    *,
    rows: int,
    num_features: int,
    has_gaps: bool = False,
    is_image: bool = False,
) -> TrainingConfig:
    """The config with every open choice made for this many training rows and features."""
    choose = _for_linear if config.hidden_sizes == () else _for_deep
    # Where rows come with gaps they will also be asked about with other ones.
    missing_rate = GAPS_MISSING_RATE if has_gaps else 0.0
    if config.missing_rate is not None:
        missing_rate = config.missing_rate
    choices = {
        "latent_dim": latent_dim(num_features),
        "hidden_sizes": HIDDEN_SIZES,
        "prior_components": PRIOR_COMPONENTS[config.prior],
        "missing_rate": missing_rate,
        **choose(rows, config.batch_size),
    }
    if missing_rate or not is_image:
        # Hidden values do what dropout is for, and the encoder knows which they are. A dropped
        # column of a table is seldom told by the others, as a pixel is by its neighbours.
        choices["input_dropout"] = 0.0
    return config.model_copy(
        update={key: value for key, value in choices.items() if getattr(config, key) is None}
    )


def _for_deep(rows: int, batch_size: int | None) -> dict[str, float]:
    """Noise, decay and dropout keep a network from memorising, the more the fewer the rows."""
    size = batch_size or (64 if rows < 5_000 else 128 if rows < 50_000 else 256)
    low, high = EPOCHS_RANGE
    return {
        "batch_size": size,
        "epochs": min(high, max(low, round(TARGET_STEPS * size / rows))),
        "learning_rate": 2e-3,
        # While the decoder knows nothing, the full KL term would switch latents off for good.
        "kl_warmup_fraction": 0.15,
        "weight_decay": 0.3 if rows < FEW_ROWS else 0.01,
        "input_dropout": 0.15 if rows < FEW_ROWS else 0.0,
    }


def _for_linear(rows: int, batch_size: int | None) -> dict[str, float]:
    """A linear model has one exact optimum: whole batches, nothing in the way.

    It starts at the principal components, so the steps need not be large either.
    """
    size = batch_size or 8_192
    return {
        "batch_size": size,
        "epochs": max(1, round(LINEAR_STEPS / math.ceil(rows / size))),
        "learning_rate": 0.005,
        "kl_warmup_fraction": 0.0,
        "weight_decay": 0.0,
        "input_dropout": 0.0,
    }


def latent_dim(num_features: int) -> int:
    """Somewhat more latents than needed: those without use fall back to the prior at no cost."""
    return min(MAX_LATENT_DIM, max(1, round(1.4 * math.sqrt(num_features))))


def fit_options(config: TrainingConfig) -> FitOptions:
    """The part of a completed config that the loop reads."""
    return FitOptions(
        epochs=_chosen(config.epochs),
        learning_rate=_chosen(config.learning_rate),
        weight_decay=_chosen(config.weight_decay),
        max_grad_norm=config.max_grad_norm,
        kl_warmup_fraction=_chosen(config.kl_warmup_fraction),
        free_bits=config.free_bits,
        input_dropout=_chosen(config.input_dropout),
        missing_rate=_chosen(config.missing_rate),
        ema_decay=config.ema_decay,
        patience_fraction=config.patience_fraction,
        # The optimum of a linear model is that of its training rows; there is nothing to select.
        keep="last" if config.hidden_sizes == () else "best",
        seed=config.seed,
    )


def device(config: TrainingConfig) -> torch.device:
    """The asked device, or the first there is of cuda, mps and cpu.

    Raises:
        DataError: the asked device is not there.
    """
    there = [d for d, is_there in _DEVICES.items() if is_there()]
    if config.device == "auto":
        return torch.device(there[0])
    if config.device not in there:
        raise DataError(
            f"--device {config.device} is not there for PyTorch; needed auto or one of "
            f"{', '.join(there)}."
        )
    return torch.device(config.device)


def threads(config: TrainingConfig) -> int:
    """One for small steps, which threads only make each other wait for; else every usable core."""
    widest = max(config.hidden_sizes or (1,))
    if _chosen(config.batch_size) * widest <= SMALL_LAYER:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chosen(value: Value | None) -> Value:
    if value is None:
        raise ValueError("The config is not completed; call complete() first.")
    return value
