"""Bodies of `drift`."""

import math
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from app.drift import DriftReport
from app.loaded_model import LoadedModel
from app.schemas.tensors import ModelVersion, version_of
from model_store.calibration import ScoreKind


class DriftOptions(BaseModel):
    """What is asked, in the query string."""

    model_config = ConfigDict(extra="forbid")

    score: ScoreKind = Field("combined", description="The score that p-values were asked for by.")
    level: float = Field(
        0.01, gt=0, lt=1, description="Probability of an alarm, ever, where nothing changes."
    )
    features: int = Field(10, ge=0, description="How many features to name.")


class Bin(BaseModel):
    """The rows with p-values above the bin before and up to the end of this."""

    up_to: float = Field(description="The largest p-value in it.")
    rows: int
    expected: float = Field(description="How many rows it would have if p-values were uniform.")


class MovedFeature(BaseModel):
    """A feature, and how its contributions to the elbo score have moved."""

    feature: str
    z: float = Field(
        description="How surprising it is, in standard deviations: of the share of rows in which "
        "it contributes more than the calibration's median; negative if they are fewer than half."
    )
    share_above: float = Field(description="That share.")
    mean_excess_nats: float = Field(description="Mean of what it contributes beyond that median.")
    rows: int = Field(description="Rows in which it is observed.")


class DriftReply(BaseModel):
    """What is known of the p-values that a version of a model has given."""

    model: ModelVersion
    score: ScoreKind
    rows: int = Field(description="That had a p-value of this score.")
    calibration_rows: int = Field(description="What they were compared with.")
    e_value: float = Field(
        description="Evidence that the rows have changed: 1 on average at most while they have "
        "not, and ever larger when they have. With several workers the mean of theirs."
    )
    log_e_value: float = Field(description="Its natural logarithm.")
    peak: float = Field(description="The largest that the e-value is known to have been.")
    level: float = Field(description="As asked.")
    alarm: bool = Field(description="Whether the e-value has ever reached 1 / level.")
    distance: float | None = Field(
        description="Kolmogorov and Smirnov's, between the p-values and those expected, at the "
        "ends of the bins; null before the first row."
    )
    distance_limit: float | None = Field(
        description="What that exceeds with a probability of about `level` if nothing has changed "
        "and it is looked at once, which is what the e-value does not need."
    )
    histogram: list[Bin] = Field(description="How many rows had which p-values.")
    features: list[MovedFeature] = Field(description="Those that moved most, the first most.")

    @classmethod
    def of(
        cls, model: LoadedModel, score: ScoreKind, level: float, features: int, report: DriftReport
    ) -> Self:
        """The report as a body."""
        evidence, n = report.evidence, model.calibrated.rows
        rows = evidence.rows
        return cls(
            model=version_of(model),
            score=score,
            rows=rows,
            calibration_rows=n,
            e_value=evidence.e_value,
            log_e_value=evidence.log_e_value,
            peak=evidence.peak,
            level=level,
            alarm=evidence.alarm(level),
            distance=report.test.distance(report.counts) if rows else None,
            distance_limit=_two_sample_limit(level, n, rows) if rows else None,
            histogram=_histogram(report),
            features=_moved(model, n, report, features),
        )


def _two_sample_limit(level: float, n: int, m: int) -> float:
    """What the distance of two samples exceeds with this probability (Smirnov, 1939)."""
    return math.sqrt(-math.log(level / 2) / 2 * (1 / n + 1 / m))


def _histogram(report: DriftReport) -> list[Bin]:
    test, counts = report.test, report.counts
    expected = counts.sum() * test.balls / test.balls.sum()
    together = zip(test.edges.tolist(), counts.tolist(), expected.tolist(), strict=True)
    return [Bin(up_to=edge, rows=int(rows), expected=e) for edge, rows, e in together]


def _moved(model: LoadedModel, n: int, report: DriftReport, most: int) -> list[MovedFeature]:
    shift = report.shift
    z = shift.z(n)
    ranked = np.argsort(-np.abs(z), kind="stable")
    return [
        MovedFeature(
            feature=model.features[k].name,
            z=float(z[k]),
            share_above=float(shift.above[k] / shift.rows[k]),
            mean_excess_nats=float(shift.excess[k] / shift.rows[k]),
            rows=int(shift.rows[k]),
        )
        for k in ranked[shift.rows[ranked] > 0][:most].tolist()
    ]
