"""Models trained and calibrated by `vae-train`, and what they say of rows they have not seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.anomaly.tables import Halves, LabelledTable, halve
from benchmarks.real_data.runs import config_of, train
from model_store.calibration import Calibration, ScoreKind
from model_store.store import FolderStore
from model_store.vae.model import VAE

ROWS_AT_ONCE = 2_048

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CalibratedModel:
    """A model as the service holds it.

    Args:
        vae: As anyone would read it from the store.
        calibration: By rows that neither trained nor selected it.
        train: Rows that it was trained on, in data units.
    """

    vae: VAE
    calibration: Calibration
    train: Tensor

    def scores(self, x: Tensor) -> Mapping[str, Numbers]:
        """Every score of each row, by kind; see `Baseline.scores`.

        A row with a value that the model has no density for gets the largest number there is.
        """
        inside = self.vae.in_support(x.flatten(1)).all(dim=1)
        parts = [
            self.calibration.scores(self.calibration.statistics(self.vae, block))
            for block in x[inside].split(ROWS_AT_ONCE)
        ]
        scores: dict[str, Numbers] = {}
        for kind in self.calibration.ascending:
            of_all = np.full(len(x), np.finfo(np.float64).max)
            of_all[inside.numpy()] = torch.cat([part[kind] for part in parts]).numpy()
            scores[kind] = of_all
        return scores

    def p_values(self, kind: ScoreKind, scores: Numbers) -> Numbers:
        """The conformal p-value of each score."""
        return np.asarray(self.calibration.p_values(kind, torch.from_numpy(scores)).numpy())


@dataclass(frozen=True, eq=False)
class Trial:
    """A table, a seed that cuts it, and the model of one half."""

    table: LabelledTable
    seed: int
    halves: Halves
    model: CalibratedModel

    @cached_property
    def is_anomaly(self) -> NDArray[np.bool_]:
        """Of each scored row."""
        return self.table.is_anomaly[self.halves.scored]

    @cached_property
    def scores(self) -> Mapping[str, Numbers]:
        """Of each scored row."""
        return self.model.scores(rows_of(self.table.coded(self.halves.scored)))

    @cached_property
    def p_values(self) -> Numbers:
        """Of each scored row, by the default score."""
        return self.model.p_values("combined", self.scores["combined"])


def try_table(table: LabelledTable, seed: int, **flags: object) -> Trial:
    """What `vae-train` makes of a Parquet file of the rows to fit on."""
    halves = halve(table, seed)
    with TemporaryDirectory() as folder:
        source = Path(folder) / f"{table.name}.parquet"
        table.frame(halves.fit).write_parquet(source)
        return Trial(table, seed, halves, train_on(source, seed, **flags))


def train_on(source: Path, seed: int, **flags: object) -> CalibratedModel:
    """What `vae-train SOURCE --seed SEED` and these flags publish.

    Raises:
        ValueError: the flags leave no rows to calibrate by.
    """
    with TemporaryDirectory() as store:
        trained = train(config_of(source, seed, Path(store), **flags))
        return published_in(Path(store), trained.name, rows_of(trained.split.train))


def published_in(store: Path, name: str, train: Tensor) -> CalibratedModel:
    """The first version of a model, and the rows it was trained on.

    Raises:
        ValueError: it is not calibrated.
    """
    published = FolderStore(store).read(name, 1)
    vae = published.build()
    calibration = published.calibration(vae)
    if calibration is None:
        raise ValueError(f"{name}@1 has no calibration; needed rows to calibrate it by.")
    return CalibratedModel(vae, calibration, train)


def rows_of(cells: NDArray[np.generic]) -> Tensor:
    """Rows as the estimators take them."""
    return torch.from_numpy(np.ascontiguousarray(cells, dtype=np.float64))
