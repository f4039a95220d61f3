"""Rows to verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from app.schemas.explanations import FeatureExplanation, explanations_of
from app.wire.columns import shown
from model_store.calibration import Calibration, ScoreKind
from model_store.detection import detect
from model_store.errors import SupportError
from model_store.schema import Feature
from model_store.vae.model import VAE


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What is said of each row of a block.

    Args:
        score: Higher is more anomalous; NaN where a row has none, (rows,).
        p_value: Conformal; the smallest there is where a row has no score, (rows,).
        is_anomaly: Whether it is flagged, (rows,).
        notes: Why a row has no score, by its place.
        explanations: The features of each row that make it unusual most; none where not asked for.
    """

    score: np.ndarray
    p_value: np.ndarray
    is_anomaly: np.ndarray
    notes: Mapping[int, str]
    explanations: Sequence[Sequence[FeatureExplanation]] = ()


@dataclass(frozen=True, eq=False)
class Scorer:
    """Compares rows with a model's calibration.

    A value that the model cannot take is as unusual as there is anything: its row has no score, the
    smallest p-value and a note. Every such row alike, and so p-values stay valid.

    Args:
        vae: The model.
        calibration: Of that model.
        features: Its features in flat order.
        kind: By which score.
        rate: The p-value up to which rows are flagged.
        explain: How many features of each row to name.
    """

    vae: VAE
    calibration: Calibration
    features: tuple[Feature, ...]
    kind: ScoreKind
    rate: float
    explain: int = 0

    def __call__(self, inputs: Tensor, faults: Mapping[int, str]) -> Verdicts:
        """The verdicts on some rows.

        Args:
            inputs: In data units, NaN where a value is missing, (rows, *event) and float64.
            faults: What is wrong with rows that hold what is no number, by their place.
        """
        notes = self._outside(inputs.flatten(1)) | dict(faults)
        score = np.full(len(inputs), np.nan)
        p_value = np.full(len(inputs), self.calibration.smallest_rate)
        good = np.ones(len(inputs), dtype=bool)
        good[list(notes)] = False
        explanations: list[Sequence[FeatureExplanation]] = [()] * len(good)
        if good.any():
            scores, why = self._detect(inputs[torch.from_numpy(good)] if notes else inputs)
            score[good] = scores.cpu().numpy()
            p_value[good] = self.calibration.p_values(self.kind, scores).cpu().numpy()
            for row, features in zip(good.nonzero()[0].tolist(), why, strict=False):
                explanations[row] = features
        return Verdicts(score, p_value, p_value <= self.rate, notes, explanations)

    def _detect(self, rows: Tensor) -> tuple[Tensor, Sequence[Sequence[FeatureExplanation]]]:
        """Scores, and the features to blame if they were asked for."""
        detection = detect(
            self.vae,
            rows,
            calibration=self.calibration,
            num_samples=self.calibration.num_samples,
            seed=self.calibration.seed,
            explain=self.explain,
        )
        named = detection.explanation
        why = [] if named is None else explanations_of(self.features, named)
        return detection.scores[self.kind], why

    def _outside(self, flat: Tensor) -> dict[int, str]:
        """What is wrong with rows that hold a value outside its feature's support."""
        outside = ~(self.vae.in_support(flat) | flat.isnan()).all(dim=1)
        return {row: self._why(flat[row : row + 1]) for row in outside.nonzero()[:, 0].tolist()}

    def _why(self, row: Tensor) -> str:
        try:
            self.vae.to_model_units(self.vae.to_event(row))
        except SupportError as error:
            name = shown(self.features[error.feature].name)
            return f"feature {name} is {error.value:g}; needed {error.needed}"
        raise AssertionError("The model takes what is outside its support.")
