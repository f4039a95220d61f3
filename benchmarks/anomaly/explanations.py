"""Whether the feature that was tampered with is the one that is named."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from benchmarks.anomaly.runs import Trial, rows_of
from benchmarks.real_data.markdown import over_seeds, print_table

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


def named_first(trial: Trial) -> tuple[float, float]:
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
    # NaN where the calibration has too few rows for the rate, and none is flagged.
    is_named = (first == shifted)[is_flagged]
    return float(is_flagged.double().mean()), float(is_named.double().mean())


def print_explanations(sets: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """One row a set."""
    rows = []
    for name, seeds in sets.items():
        flagged, named = zip(*seeds, strict=True)
        rows.append([name, over_seeds(flagged, 3), over_seeds(named, 3)])
    print_table([f"shift of {SHIFT:g} sd", f"flagged at {RATE:g}", "named first"], rows)
