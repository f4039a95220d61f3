"""Whether the feature that was tampered with is the one that is named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import TypeAdapter
from torch import Tensor

from benchmarks.anomaly.record import Part
from benchmarks.anomaly.runs import Trial, rows_of
from benchmarks.page import markdown
from benchmarks.real_data.markdown import over_seeds

SHIFT = 4.0  # standard deviations
RATE = 0.05
MAX_ROWS = 2_000


def plant(x: Tensor, deviations: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Rows with one feature of each shifted up or down, and which feature that is.

    Args:
        x: Clean rows, shape (rows, features).
        deviations: Standard deviation of each feature, shape (features,); none above 0 is shifted.
        seed: Of the features and the directions.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    able = np.flatnonzero(deviations.numpy() > 0)
    chosen = torch.from_numpy(random.choice(able, len(x)))
    sign = torch.from_numpy(random.choice([-1.0, 1.0], len(x)))
    shift = SHIFT * sign * deviations[chosen]
    return x.scatter_add(1, chosen[:, None], shift[:, None]), chosen


@dataclass(frozen=True)
class Named:
    """What came of the rows with a shifted feature.

    Args:
        flagged: Share of them; none where too few rows calibrate the rate.
        first: Share of the flagged that the shifted feature is named first in; none likewise.
    """

    flagged: float | None
    first: float | None


EXPLANATIONS = Part("explanations", TypeAdapter(Named))


def named_first(trial: Trial) -> Named:
    """How many shifted rows are flagged, and in how many of those the shifted feature is first."""
    model = trial.model
    clean = trial.halves.scored[~trial.is_anomaly][:MAX_ROWS]
    deviations = model.train.std(dim=0)
    deviations[trial.table.numbers.shape[1] :] = 0.0  # categories have none
    x, shifted = plant(rows_of(trial.table.coded(clean)), deviations, trial.seed)
    inside = model.vae.in_support(x).all(dim=1)
    x, shifted = x[inside], shifted[inside]
    statistics = model.calibration.statistics(model.vae, x)
    scores = model.calibration.scores(statistics)["combined"]
    is_flagged = model.calibration.p_values("combined", scores) <= RATE
    first = (statistics.contributions - model.calibration.typical).argmax(dim=1)
    is_named = (first == shifted)[is_flagged]
    if not len(is_named):
        return Named(None, None)
    return Named(float(is_flagged.double().mean()), float(is_named.double().mean()))


def explanations_table(sets: Mapping[str, Sequence[Named]]) -> str:
    """One row a set."""
    rows = (
        [name, _shares([s.flagged for s in seeds]), _shares([s.first for s in seeds])]
        for name, seeds in sets.items()
    )
    return markdown([f"shift of {SHIFT:g} sd", f"flagged at {RATE:g}", "named first"], rows)


def _shares(of_seeds: Sequence[float | None]) -> str:
    told = [share for share in of_seeds if share is not None]
    return over_seeds(told, 3) if told else "too few rows"
