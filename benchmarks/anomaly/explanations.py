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
from model_store.detection import detect
from model_store.vae.estimators import estimate_elbo
from model_store.vae.model import VAE

SHIFT = 4.0  # standard deviations
RATE = 0.05
MAX_ROWS = 2_000
MAX_GUESSES, GUESS_SAMPLES = 300, 4


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
        guessed: Share of some of the flagged that an informed guess names it in; none likewise.
    """

    flagged: float | None
    first: float | None
    guessed: float | None = None


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
    by = model.calibration
    found = detect(
        model.vae, x, calibration=by, num_samples=by.num_samples, seed=by.seed, explain=1
    )
    flagged = by.p_values("combined", found.scores["combined"]) <= RATE
    if found.explanation is None or not bool(flagged.any()):
        return Named(None, None)
    is_named = (found.explanation.features[:, 0] == shifted)[flagged]
    some = flagged.nonzero().squeeze(1)[:MAX_GUESSES]
    is_guessed = informed_guess(model.vae, x[some], deviations) == shifted[some]
    return Named(*(float(each.double().mean()) for each in (flagged, is_named, is_guessed)))


@torch.inference_mode()
def informed_guess(vae: VAE, x: Tensor, deviations: Tensor) -> Tensor:
    """The feature of each row without whose shift the row would be likeliest, by its elbo.

    Nobody who has only the model to go by can do much better: it knows the size of the shift.
    """
    elbos = torch.full((*x.shape, 2), -torch.inf, dtype=torch.float64)
    for j in deviations.nonzero().squeeze(1).tolist():
        for k, sign in enumerate((-1.0, 1.0)):
            undone = x.clone()
            undone[:, j] += sign * SHIFT * deviations[j]
            inside = vae.in_support(undone).all(dim=1)
            estimate = estimate_elbo(vae, undone[inside], num_samples=GUESS_SAMPLES, seed=0)
            elbos[inside, j, k] = estimate.elbo
    return elbos.amax(dim=2).argmax(dim=1)


def explanations_table(sets: Mapping[str, Sequence[Named]]) -> str:
    """One row a set."""
    rows = []
    for name, seeds in sets.items():
        shares = zip(*((s.flagged, s.first, s.guessed) for s in seeds), strict=True)
        rows.append([name, *map(_shares, shares)])
    header = [f"flagged at {RATE:g}", "named first", "informed guess"]
    return markdown([f"shift of {SHIFT:g} sd", *header], rows)


def _shares(of_seeds: Sequence[float | None]) -> str:
    told = [share for share in of_seeds if share is not None]
    return over_seeds(told, 3) if told else "too few rows"
