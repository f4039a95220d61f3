"""A training run from config to published version, in the steps that a command shows."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model_store.build import build_transform
from model_store.errors import OutOfRangeError
from model_store.schema import DataSummary, Evaluation, ModelSchema
from model_store.store import FolderStore
from model_store.vae.anomaly.reference import MAX_REFERENCE_ROWS
from model_store.vae.model import VAE
from model_store.vae.transforms import Transform
from training.batches import Batches
from training.choices import complete, device, fit_options
from training.config import TrainingConfig
from training.data import (
    Dataset,
    Split,
    choose_likelihood,
    fit_transforms,
    load_dataset,
    split_for,
)
from training.data.binarize import Stream, draw_pixels
from training.data.gaps import count_missing
from training.errors import DataError
from training.evaluate import evaluate
from training.fit import Report, fit
from training.model import describe_model, initialize
from training.publish import Published, make_checkpoint, with_calibration


class Run:
    """Data read and understood, a model ready to train.

    The store is tried first: an hour of training should not end at a folder that cannot be written.

    Args:
        config: What was asked for.

    Raises:
        DataError: the data or the flags.
        StoreError: the name or the store.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self._store = FolderStore(config.store)
        device(config)  # asked for in vain, it is better known before the data is read
        self.dataset: Dataset = load_dataset(config)
        self.name = config.name or self.dataset.default_name
        self._store.check_writable(self.name)
        split = split_for(self.dataset, config)
        has_gaps = bool(count_missing(split.train).any())
        self.config = complete(
            config,
            rows=split.train.shape[0],
            num_features=len(self.dataset.features),
            has_gaps=has_gaps,
            is_image=len(self.dataset.event_shape) > 1,
        )
        self._options = fit_options(self.config)
        fitted = fit_transforms(self.dataset, split.train, self.config)
        notes = (*self.dataset.notes, *fitted.notes)
        self.dataset = replace(self.dataset, features=fitted.features, notes=notes)
        self._model: ModelSchema = describe_model(
            self.dataset.features,
            self.dataset.event_shape,
            choose_likelihood(self.dataset.features, self.config),
            self.config,
            has_gaps=has_gaps,
        )
        self._test, self._calibration = _rows(split.test), _rows(split.calibration)
        self._data = _summarise(self.dataset, split, fitted.constant_features)
        transform = build_transform(
            fitted.features, *map(torch.from_numpy, (fitted.shift, fitted.scale, fitted.offset))
        )
        self._vae, self._batches, self._training, self._validation = _prepare(
            self._model, transform, split, self.config
        )

    @property
    def epochs(self) -> int:
        """At most this many reports will come."""
        return self._options.epochs

    def train(self) -> Iterator[Report]:
        """Trains, one report an epoch."""
        return fit(self._vae, self._batches, self._validation, self._options)

    def publish(self) -> Published:
        """Evaluates and calibrates on held-out rows and puts the model into the store."""
        vae = self._vae.cpu()
        evaluation = _evaluate(vae, self._test, self.dataset)
        bits = self.config.free_bits
        checkpoint = make_checkpoint(
            vae,
            self._model,
            self.config,
            self._data,
            evaluation,
            objective=f"elbo, {bits:g} free bits" if bits else "elbo",
        )
        if len(self._calibration):
            checkpoint = with_calibration(
                checkpoint, self._calibration, self._training, self._validation
            )
        version = self._store.publish(self.name, checkpoint)
        return Published(self.name, version, checkpoint.document)


def _evaluate(vae: VAE, test: Tensor, dataset: Dataset) -> Evaluation:
    try:
        return evaluate(vae, test, [feature.name for feature in dataset.features])
    except OutOfRangeError as error:
        raise DataError(
            f"{dataset.source}: held-out row {error.row + 1} lies so far from the training rows "
            f"that its {error.quantity} is not finite; it must be mended or left out."
        ) from None


def serving_command(store: Path) -> str:
    """The command that serves this store."""
    return f"vae-serve --store {store}"


def _prepare(
    model: ModelSchema, transform: Transform, split: Split, config: TrainingConfig
) -> tuple[VAE, Batches, Tensor, Tensor]:
    """The first weights, the training rows in model units, some as they are, validation rows."""
    dynamic = config.binarize == "dynamic"
    # Dynamic rows are grey until drawn; one draw of them gives the base rates to start from.
    drawn = _rows(draw_pixels(split.train, config.seed, Stream.ROWS) if dynamic else split.train)
    vae = initialize(model, transform, drawn, fixed_scale=config.fixed_scale, seed=config.seed)
    vae.to(device(config))
    rows = vae.to_model_units(drawn)
    if dynamic:
        rows = replace(rows, y=_rows(split.train).flatten(1).nan_to_num(0.0).to(rows.y))
    batches = Batches(rows, size=config.batch_size or len(rows), seed=config.seed, resample=dynamic)
    return vae, batches, drawn[:MAX_REFERENCE_ROWS].clone(), _rows(split.validation)


def _rows(x: np.ndarray) -> Tensor:
    """Rows as the estimators take them: floating point, wide enough for every digit that came."""
    rows = torch.from_numpy(np.ascontiguousarray(x))
    if rows.is_floating_point():
        return rows
    return rows.float() if x.itemsize <= 2 else rows.double()


def _summarise(dataset: Dataset, split: Split, constant: tuple[str, ...]) -> DataSummary:
    return DataSummary(
        source=dataset.source,
        train_rows=split.train.shape[0],
        validation_rows=split.validation.shape[0],
        test_rows=split.test.shape[0],
        calibration_rows=split.calibration.shape[0],
        constant_features=constant,
        missing_cells=int(dataset.missing_cells().sum()),
    )
