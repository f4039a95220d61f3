"""Bodies of `anomaly`."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, PrivateAttr, model_validator
from torch import Tensor

from app.drift import Drift
from app.errors import Refusal, RefusedBodyError
from app.loaded_model import LoadedModel
from app.schemas.explanations import FeatureExplanation, explanations_of
from app.schemas.heat_maps import heat_map
from app.schemas.pictures import Images, ImageShape, PictureReply
from app.schemas.rows import RowsQuestion
from app.schemas.tables import ColumnsReply
from app.schemas.tensors import FlagPerRow, PerRow, version_of
from app.wire.columns import Table
from app.wire.csv import Cells
from app.wire.undefined import array_of
from model_store.calibration import Calibration, ScoreKind
from model_store.detection import Detection
from model_store.false_discoveries import benjamini_hochberg

# What a table says of the feature that adds most.
_TOP = ("feature", "contribution_nats", "expected", "standard_deviation")

_DEFAULT: ScoreKind = "combined"


class AnomalyRequest(RowsQuestion):
    """Rows to be compared with the rows that the model is calibrated with."""

    answers_tables_in_kind: ClassVar[bool] = True
    answers_streams: ClassVar[bool] = True
    of_whole_requests: ClassVar[Collection[str]] = ("fdr",)

    score: Literal[ScoreKind, "all"] = Field(
        default=_DEFAULT,
        description="By what rows are compared. `combined` needs no choice; with `all` it decides, "
        "and the answer has `scores` and `p_values` of every kind.",
    )
    false_positive_rate: float = Field(
        default=0.01,
        gt=0,
        lt=1,
        description="The share of clean rows that may be flagged: 1 / (n + 1) or more, n being the "
        "calibration's rows.",
    )
    fdr: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="In the place of that rate: the share of false alarms among the rows of the "
        "request that are flagged (Benjamini-Hochberg).",
    )
    explain: int = Field(
        default=0, ge=0, description="How many features of each row to name, up to all of them."
    )

    @classmethod
    def tables(cls, model: LoadedModel, admit: Callable[[int], None]) -> Mapping[str, Table]:
        """Records; a table as text may have other columns, for it comes back."""
        tables = super().tables(model, admit)
        return {name: replace(table, passes_others=True) for name, table in tables.items()}

    @classmethod
    def example(cls, model: LoadedModel) -> dict[str, object]:
        """With one feature named, at a rate that the model's calibration supports."""
        body = {**super().example(model), "explain": 1}
        if model.calibration is not None:
            rate = max(0.01, math.ceil(1e4 * model.calibration.smallest_rate) / 1e4)
            body["false_positive_rate"] = rate
        return body

    @property
    def kind(self) -> ScoreKind:
        """The score that decides."""
        return _DEFAULT if self.score == "all" else self.score

    def calibration_of(self, model: LoadedModel) -> Calibration:
        """What the rows are compared with, if it can answer with these options.

        Raises:
            NotCalibratedError: the model has none.
            RefusedBodyError: it tells no such rate, or the model has fewer features.
        """
        calibration = model.calibrated
        smallest, features = calibration.smallest_rate, len(model.features)
        if self.fdr is None and self.false_positive_rate < smallest:
            came = f"false_positive_rate is {self.false_positive_rate:g}"
            # In all its digits: it is what may be asked for.
            needed = f"needed {smallest} or more"
            why = f"the {calibration.rows:,} calibration rows of this model tell no smaller rate"
            raise RefusedBodyError(Refusal("false_positive_rate", f"{came}; {needed}, for {why}."))
        if self.explain > features:
            message = f"explain is {self.explain}; this model has {features} features."
            raise RefusedBodyError(Refusal("explain", message))
        return calibration

    @model_validator(mode="after")
    def _has_one_rate(self) -> Self:
        if self.fdr is not None and "false_positive_rate" in self.model_fields_set:
            message = "The body has both fdr and false_positive_rate; needed one of the two."
            raise RefusedBodyError(Refusal("fdr", message))
        return self


class AnomalyReply(PictureReply, ColumnsReply):
    """How unusual each row is, how sure that is, and why.

    `explanation` and what follows it are there if it was asked for. Row by row,
    elbo_score = typical + the sum of contribution_nats + other_features + kl_divergence.
    """

    score: PerRow = Field(description="Higher is more anomalous.")
    p_value: PerRow = Field(
        description="Conformal: (1 + calibration rows with as high a score) / (n + 1). Of clean "
        "rows, a share of at most p has a p-value of at most p."
    )
    is_anomaly: FlagPerRow = Field(description="Whether the p-value is at most p_value_threshold.")
    scored_by: ScoreKind = Field(description="Which score this is.")
    threshold: float | None = Field(
        description="The score above which rows are flagged; null where fdr flags none."
    )
    p_value_threshold: float | None = Field(
        description="The p-value up to which rows are flagged: the false positive rate, or where "
        "Benjamini-Hochberg ends; null where that flags none."
    )
    calibration_rows: int = Field(description="n, the rows that these are compared with.")
    smallest_rate: float = Field(description="1 / (n + 1): no p-value is smaller.")
    scores: Mapping[ScoreKind, PerRow] | None = Field(
        default=None, description="By kind, if `all` were asked for."
    )
    p_values: Mapping[ScoreKind, PerRow] | None = Field(
        default=None, description="By kind, if `all` were asked for."
    )
    explanation: list[list[FeatureExplanation]] | None = Field(
        default=None,
        description="The features of each row that add most to its elbo score beyond what they "
        "typically do, first the one that adds most; missing ones are not named.",
    )
    elbo_score: PerRow | None = Field(default=None, description="Minus the elbo in model units.")
    typical: PerRow | None = Field(
        default=None, description="What the row's observed features add to that score typically."
    )
    other_features: PerRow | None = Field(
        default=None, description="What features that are not named add beyond that."
    )
    kl_divergence: PerRow | None = Field(
        default=None,
        description="KL(q(z | x) || p(z)), odd features hidden that spoil what is expected of the "
        "others.",
    )
    units: Literal["nats", "squared distance"] = Field(
        description="Of `score`; all else is in nats. Both are in the model's own units of the "
        "features: only differences between rows mean something."
    )

    _excess: Tensor = PrivateAttr()

    @classmethod
    def of(
        cls,
        model: LoadedModel,
        calibration: Calibration,
        body: AnomalyRequest,
        detection: Detection,
    ) -> Self:
        """The verdict on rows as a body."""
        kind, scores = body.kind, detection.scores
        p_values = calibration.p_values(kind, scores[kind])
        end = body.false_positive_rate
        limit = end if body.fdr is None else benjamini_hochberg(p_values, body.fdr)
        reply = cls(
            model=version_of(model),
            score=scores[kind],
            p_value=p_values,
            is_anomaly=p_values <= (0.0 if limit is None else limit),
            scored_by=kind,
            threshold=None if limit is None else calibration.threshold(kind, limit),
            p_value_threshold=limit,
            calibration_rows=calibration.rows,
            smallest_rate=calibration.smallest_rate,
            units="squared distance" if kind == "latent" else "nats",
            **_of_every_kind(calibration, detection) if body.score == "all" else {},
            **_why(detection, model),
        )
        reply._excess = detection.excess
        return reply

    def tell(self, drift: Drift, model: LoadedModel) -> None:
        """Tells the p-values that decided."""
        drift.observe(model, self.scored_by, self.p_value, self._excess)

    @property
    def num_rows(self) -> int:
        """How many rows were scored."""
        return len(self.score)

    def images(self, shape: ImageShape, model: LoadedModel) -> Images:  # noqa: ARG002
        """What each pixel adds to the elbo score beyond what it typically does."""
        return heat_map(shape, self._excess.cpu().numpy())

    def columns(self) -> Mapping[str, Cells]:
        """What is said of each row, and of the feature that adds most to its score."""
        columns = {n: self._cells(n, getattr(self, n)) for n in ("score", "p_value", "is_anomaly")}
        for name in ("scores", "p_values"):
            every = getattr(self, name) or {}
            columns |= {f"{name}.{k}": self._cells(f"{name}.{k}", v) for k, v in every.items()}
        if self.explanation is None:
            return columns
        # None where nothing of a row is observed.
        tops = [row[0] if row else None for row in self.explanation]
        return columns | {f"top_{name}": _texts(tops, name) for name in _TOP}

    def _cells(self, field: str, values: Tensor) -> Cells:
        return Cells(array_of(type(self), field, values))


def _texts(tops: Sequence[FeatureExplanation | None], name: str) -> Cells:
    """One thing that is said of the first feature of each row."""
    said = [None if top is None else top.get(name) for top in tops]
    return Cells(np.arange(len(said)), ["" if value is None else str(value) for value in said])


def _of_every_kind(calibration: Calibration, detection: Detection) -> dict[str, Any]:
    scores = detection.scores
    return {
        "scores": scores,
        "p_values": {kind: calibration.p_values(kind, each) for kind, each in scores.items()},
    }


def _why(detection: Detection, model: LoadedModel) -> dict[str, Any]:
    """The fields that say what the elbo score is made of, if that was asked for."""
    explanation = detection.explanation
    if explanation is None:
        return {}
    return {
        "explanation": explanations_of(model.features, explanation),
        "elbo_score": detection.scores["elbo"],
        "typical": detection.typical,
        "other_features": explanation.rest,
        "kl_divergence": explanation.kl_divergence,
    }
