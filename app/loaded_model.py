"""A model in memory: what a request holds on to from its first moment to its last."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from app.brightness import Brightness
from app.capacity import Size
from app.errors import NotCalibratedError
from app.wire.columns import Column, columns_of
from app.wire.diagnosis import Row
from model_store.calibration import Calibration
from model_store.schema import CheckpointDocument, Feature
from model_store.store import FolderStore
from model_store.vae.generation import decode
from model_store.vae.model import VAE


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A version of a model, ready to be asked.

    Args:
        name: Its name in the store.
        version: Its version.
        document: What its checkpoint says of it.
        vae: The model itself, in evaluation mode.
        typical_row: What the mean latents decode to: (1, *event), float64.
        calibration: What its anomaly scores mean; None where it was not calibrated.
    """

    name: str
    version: int
    document: CheckpointDocument
    vae: VAE
    typical_row: Tensor
    calibration: Calibration | None = None

    @classmethod
    def read(cls, store: FolderStore, name: str, version: int) -> "LoadedModel":
        """The model from the store.

        Raises:
            NotInStoreError: no such version.
            CheckpointError: its file cannot be served.
            StorageError: its file cannot be read.
            OutOfRangeError: its weights give no finite numbers.
        """
        checkpoint = store.read(name, version)
        vae = checkpoint.build()
        typical_row = readable_row(vae, torch.zeros(1, vae.latent_dim))
        calibration = checkpoint.calibration(vae)
        return cls(name, version, checkpoint.document, vae, typical_row, calibration)

    @property
    def calibrated(self) -> Calibration:
        """What its anomaly scores mean.

        Raises:
            NotCalibratedError: it was published without a calibration.
        """
        if self.calibration is None:
            raise NotCalibratedError(
                f"{self.name}@{self.version} has no calibration; needed "
                f"`vae-store calibrate {self.name} DATA`, DATA being rows that are clean and were "
                "not trained on."
            )
        return self.calibration

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return self.vae.event_shape

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features in flat order."""
        return self.document.model.features

    @cached_property
    def size(self) -> Size:
        """How large it is."""
        return Size.of(self.vae)

    @cached_property
    def row(self) -> Row:
        """What one row is on the wire."""
        return Row(self.event_shape, may_have_gaps=True)

    @cached_property
    def latent_row(self) -> Row:
        """What the latents of one row are on the wire."""
        return Row((self.vae.latent_dim,))

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """The features by name, as the columns of a table."""
        return columns_of(self.features)

    @cached_property
    def brightness(self) -> Brightness:
        """How its values are shown, if it is a model of images."""
        return Brightness.of(self.features, self.vae)

    @cached_property
    def measure(self) -> Literal["density", "probability", "mixed"]:
        """What the exponential of its log-likelihood is."""
        return self.vae.head.measure.value


def readable_row(vae: VAE, latents: Tensor) -> Tensor:
    """What latents (1, latent_dim) decode to, in few digits and values that the model takes.

    Of shape (1, *event) and float64; good for warming up and for examples.

    Raises:
        OutOfRangeError: the model's weights give no finite numbers.
    """
    mean = decode(vae, latents, num_samples=0, seed=0).outputs.double().flatten(1)
    row = mean
    for simpler in (mean.round(), _to_three_digits(mean, _spread(vae, mean))):
        row = torch.where(vae.in_support(simpler), simpler, row)
    return vae.to_event(row)


def _spread(vae: VAE, mean: Tensor) -> Tensor:
    """How far each feature is from its mean, roughly: the scale of a logarithm is a factor."""
    spread = vae.transform.scale.clone()
    columns = vae.transform.log_columns
    spread[columns] *= (mean[0] + vae.transform.offsets)[columns].clamp(min=1e-300)
    return spread


def _to_three_digits(values: Tensor, spread: Tensor) -> Tensor:
    """Each value to a hundredth of the power of ten below its feature's spread."""
    digits = (2 - spread.log10().floor()).int().tolist()
    rounded = [round(value, d) for value, d in zip(values[0].tolist(), digits, strict=True)]
    return torch.tensor([rounded], dtype=torch.float64)
