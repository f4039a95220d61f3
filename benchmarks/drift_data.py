"""How soon a shift of real tables is found, by models that `vae-train` made of half their rows."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from rich.table import Table

from app.observed import DriftTests, Evidence, Observed
from benchmarks.real_data.runs import config_of, train
from model_store.calibration import MEDIAN_ROWS, Calibration
from model_store.drift import DriftTest
from model_store.feature_drift import FeatureTest
from model_store.store import FolderStore
from model_store.vae.model import VAE

Floats = NDArray[np.float64]

LEVEL = 0.01
SETS = ("ad_pageblocks", "ad_satellite", "ad_optdigits", "ad_pendigits", "ad_shuttle")
"""Those with 2,000 normal rows and more in each half."""

MOST_TRAINING_ROWS = 8_000
SHIFT, FEATURES, CHOICES = 0.5, 3, 20
_AT_ONCE = 2_048


@dataclass(frozen=True, eq=False)
class Watched:
    """A model and what it has not seen of its table: normal rows in random order."""

    vae: VAE
    calibration: Calibration
    fresh: Floats

    def rows_to_alarm(self, rows: Floats) -> float:
        """Of a stream that begins with these rows; infinite if there is no alarm."""
        by = self.calibration
        test = DriftTest.of(by.p_values("combined", by.ascending["combined"]).numpy())
        medians = FeatureTest.of(min(by.rows, MEDIAN_ROWS))
        tests = DriftTests(test, medians, rows.shape[1])
        numbers = memoryview(bytearray(8 * Observed.width(tests))).cast("d")
        observed, (p_values, excess) = Observed(tests, numbers), self._of(rows)
        for k in range(len(rows)):
            observed.observe(p_values[k : k + 1], excess[k : k + 1])
            if Evidence.of([numbers.tolist()], workers=1).alarm(LEVEL):
                return k + 1
        return np.inf

    def _of(self, rows: Floats) -> tuple[Floats, Floats]:
        """The p-values of the default score, and what features contribute beyond what is typical.

        Of a row that the model has no density for the smallest p-value, and no contributions.
        """
        x = torch.from_numpy(rows)
        inside = self.vae.in_support(x).all(dim=1)
        p_values = torch.full((len(x),), self.calibration.smallest_rate, dtype=torch.float64)
        excess = torch.zeros_like(x)
        parts = [
            self.calibration.statistics(self.vae, block) for block in x[inside].split(_AT_ONCE)
        ]
        scores = [self.calibration.scores(part)["combined"] for part in parts]
        p_values[inside] = self.calibration.p_values("combined", torch.cat(scores))
        excess[inside] = torch.cat([p.contributions for p in parts]) - self.calibration.typical
        return p_values.numpy(), excess.numpy()


def real_delays(data: Path, seed: int = 0) -> Table:
    """Rows to the alarm when three random features are shifted by half a standard deviation."""
    title = (
        f"{FEATURES} features shifted by {SHIFT:g} standard deviations, {CHOICES} choices of them"
    )
    table = Table("set", "calibration rows", "found in 2,000 rows", "median rows", title=title)
    table.add_column("clean rows, alarm")
    for name in track(SETS, transient=True):
        watched = _watched(data / f"{name}.npz", seed)
        found = [watched.rows_to_alarm(_shifted(watched.fresh, k)[:2_000]) for k in range(CHOICES)]
        clean = watched.rows_to_alarm(watched.fresh)
        table.add_row(
            name,
            f"{watched.calibration.rows:,}",
            f"{np.isfinite(found).mean():.0%}",
            f"{np.quantile(found, 0.5, method='higher'):,.0f}",
            f"{len(watched.fresh):,}, {'yes' if np.isfinite(clean) else 'no'}",
        )
    return table


def _watched(path: Path, seed: int) -> Watched:
    with np.load(path, allow_pickle=False) as file:
        normal = file["X"][file["y"] == 0].astype(np.float64)
    normal = np.random.default_rng(seed).permutation(normal)
    half = min(len(normal) // 2, MOST_TRAINING_ROWS)
    with TemporaryDirectory() as folder:
        source, store = Path(folder) / f"{path.stem}.npy", Path(folder) / "store"
        np.save(source, normal[:half])
        trained = train(config_of(source, seed, store))
        calibration = FolderStore(store).read(trained.name, 1).calibration(trained.vae)
    assert calibration is not None
    return Watched(trained.vae, calibration, normal[half:])


def _shifted(rows: Floats, choice: int) -> Floats:
    """Some features of all rows shifted up or down; whole numbers stay whole."""
    generator = np.random.default_rng(choice)
    deviations = rows.std(axis=0)
    moved = generator.choice(np.flatnonzero(deviations), FEATURES, replace=False)
    steps = SHIFT * deviations[moved] * generator.choice([-1, 1], FEATURES)
    whole = (rows[:, moved] == rows[:, moved].round()).all(axis=0)
    # A step of less than one is one for a part of the rows.
    shares = np.floor(steps + generator.random((len(rows), FEATURES)))
    shifted = rows.copy()
    shifted[:, moved] += np.where(whole, shares, steps)
    return shifted
