"""Whether clean rows are flagged as rarely as was asked for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
from pydantic import TypeAdapter

from benchmarks.anomaly.record import Part
from benchmarks.anomaly.runs import Numbers, Trial
from benchmarks.page import markdown
from benchmarks.real_data.markdown import over_seeds
from model_store.false_discoveries import benjamini_hochberg

RATES = (0.1, 0.05, 0.01)
FDR = 0.05
REQUESTS = 1_000  # of each table, shared by its seeds
CLEAN, UNUSUAL = 90, 10  # rows of a request


@dataclass(frozen=True)
class Flagged:
    """Clean rows flagged at one rate.

    Args:
        share: Of the clean rows that the model has not seen; None where the calibration has too
            few rows for the rate.
        noise: Standard deviation of that share where the chance is exactly the rate: that of
            drawing these rows, and the rows that calibrated.
    """

    share: float | None
    noise: float


def flagged(p_values: Numbers, calibration_rows: int, rate: float) -> Flagged:
    """What these p-values of clean rows flag."""
    noise = math.sqrt(rate * (1 - rate) * (1 / len(p_values) + 1 / (calibration_rows + 2)))
    if rate < 1 / (calibration_rows + 1):
        return Flagged(None, noise)
    return Flagged(float((p_values <= rate).mean()), noise)


def false_discoveries(
    p_values: Numbers, is_anomaly: np.ndarray, requests: int, seed: int
) -> tuple[Numbers, Numbers]:
    """Requests of 90 clean and 10 unusual rows, and the Benjamini-Hochberg procedure on each.

    Returns:
        Of each request the share of the flagged rows that are clean, 0 if none is flagged, and the
        share of the unusual rows that are flagged.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    clean, unusual = np.flatnonzero(~is_anomaly), np.flatnonzero(is_anomaly)
    false, found = np.zeros(requests), np.zeros(requests)
    for i in range(requests):
        rows = [random.choice(clean, CLEAN, replace=False), random.choice(unusual, UNUSUAL)]
        of_rows = p_values[np.concatenate(rows)]
        limit = benjamini_hochberg(torch.from_numpy(of_rows), FDR)
        is_flagged = of_rows <= (-1.0 if limit is None else limit)
        false[i] = is_flagged[:CLEAN].sum() / max(1, is_flagged.sum())
        found[i] = is_flagged[CLEAN:].mean()
    return false, found


@dataclass(frozen=True)
class Alarms:
    """What one trial flags.

    Args:
        flagged: Of clean rows, at each of `RATES`.
        rows: That calibrated, and clean ones that were looked at.
        false: Mean over requests of the share of the flagged rows that are clean.
        found: Mean over requests of the share of the unusual rows that are flagged.
        requests: How many.
    """

    flagged: tuple[Flagged, ...]
    rows: tuple[int, int]
    false: float
    found: float
    requests: int

    @classmethod
    def of(cls, trial: Trial, requests: int) -> "Alarms":
        """Those of the default score."""
        clean, calibration = trial.p_values[~trial.is_anomaly], trial.model.calibration.rows
        shares = tuple(flagged(clean, calibration, rate) for rate in RATES)
        false, found = false_discoveries(trial.p_values, trial.is_anomaly, requests, trial.seed)
        rows = (calibration, len(clean))
        return cls(shares, rows, float(false.mean()), float(found.mean()), requests)


ALARMS = Part("alarms", TypeAdapter(Alarms))


def alarms_table(sets: Mapping[str, Sequence[Alarms]]) -> str:
    """False alarms at each rate, and false discoveries; one row a set."""
    head = [
        "clean rows flagged",
        *(f"at {rate:g}" for rate in RATES),
        "calibration rows, clean rows",
        f"false among flagged at `fdr` {FDR:g}",
        "anomalies found at it",
    ]
    rows = ([name, *_flagged(seeds), *_discovered(seeds)] for name, seeds in sets.items())
    return markdown(head, rows)


def _flagged(seeds: Sequence[Alarms]) -> list[str]:
    """The mean over the seeds, their ends, and the noise of one of them: they share rows."""
    cells = []
    for i in range(len(RATES)):
        shares = [share for s in seeds if (share := s.flagged[i].share) is not None]
        noise = seeds[0].flagged[i].noise
        cells.append(f"{over_seeds(shares, 3)} ± {noise:.3f}" if shares else "too few rows")
    calibration, clean = seeds[0].rows
    return [*cells, f"{calibration:,}, {clean:,}"]


def _discovered(seeds: Sequence[Alarms]) -> list[str]:
    return [over_seeds([s.false for s in seeds], 3), f"{fmean(s.found for s in seeds):.3f}"]
