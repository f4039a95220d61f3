"""The model that a file is compared with."""

from dataclasses import dataclass
from pathlib import Path

from app.bulk.errors import RefusedError
from app.bulk.scoring import Scorer
from model_store.calibration import SCORE_KINDS, Calibration
from model_store.schema import CheckpointDocument
from model_store.store import FolderStore, ModelRef
from model_store.vae.model import VAE

_ROUNDING = 1e-9  # of a rate that is exactly the smallest


@dataclass(frozen=True, eq=False)
class CalibratedModel:
    """A version of a model that can say how unusual rows are.

    Args:
        reference: Its name and version.
        document: What its checkpoint says of it.
        vae: The model itself.
        calibration: What its scores mean.
    """

    reference: str
    document: CheckpointDocument
    vae: VAE
    calibration: Calibration

    def scorer(self, score: str, rate: float, explain: int = 0) -> Scorer:
        """What gives the verdicts.

        Args:
            score: By which score.
            rate: The share of clean rows that may be flagged.
            explain: How many features of each row to name.

        Raises:
            RefusedError: there is no such score, the calibration tells no such rate, or the model
                has not so many features.
        """
        kind = next((kind for kind in SCORE_KINDS if kind == score), None)
        if kind is None:
            kinds = ", ".join(SCORE_KINDS)
            raise RefusedError(f"--score is {score!r}; one of {kinds} is needed.")
        smallest = self.calibration.smallest_rate
        if not smallest * (1 - _ROUNDING) <= rate < 1:
            raise RefusedError(
                f"--false-positive-rate is {rate:g}; from {smallest:.6g} to below 1 is needed, for "
                f"{self.reference} was calibrated by {self.calibration.rows:,} rows."
            )
        features = self.document.model.features
        if explain > len(features):
            raise RefusedError(f"--explain is {explain}; this model has {len(features)} features.")
        return Scorer(self.vae, self.calibration, features, kind, rate, explain)


def opened(store: Path, text: str) -> CalibratedModel:
    """The model that `name`, `name@version` or `name@alias` stands for.

    Raises:
        RefusedError: it has no calibration.
        VaeError: there is no such model, or it cannot be read.
    """
    folder, reference = FolderStore(store), ModelRef.parse(text)
    model = folder.get(reference.name)
    version = model.resolve(reference.selector)
    checkpoint = folder.read(model.name, version)
    vae = checkpoint.build()
    calibration = checkpoint.calibration(vae)
    if calibration is None:
        raise RefusedError(
            f"{model.name}@{version} has no calibration; needed "
            f"`vae-store calibrate {model.name} DATA`."
        )
    return CalibratedModel(f"{model.name}@{version}", checkpoint.document, vae, calibration)
