"""How unusual a row is, in several ways at once: pure functions of a model and rows.

Everything is in model units. A density in data units holds the Jacobian of the logarithm that a
column may have been given, which says how large a value is and not how unusual.
"""

from model_store.vae.anomaly.attribution import (
    MAX_HIDDEN,
    MAX_TRIED,
    Attribution,
    attribute,
)
from model_store.vae.anomaly.baseline import SCORE_KINDS, Baseline, ScoreKind, joined_statistics
from model_store.vae.anomaly.reference import Reference
from model_store.vae.anomaly.statistics import AnomalyStatistics, anomaly_statistics

__all__ = [
    "MAX_HIDDEN",
    "MAX_TRIED",
    "SCORE_KINDS",
    "AnomalyStatistics",
    "Attribution",
    "Baseline",
    "Reference",
    "ScoreKind",
    "anomaly_statistics",
    "attribute",
    "joined_statistics",
]
