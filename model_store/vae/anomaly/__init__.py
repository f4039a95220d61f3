"""How unusual a row is, in several ways at once: pure functions of a model and rows.

Everything is in model units. A density in data units holds the Jacobian of the logarithm that a
column may have been given, which says how large a value is and not how unusual.
"""

from model_store.vae.anomaly.baseline import SCORE_KINDS, Baseline, ScoreKind, joined_statistics
from model_store.vae.anomaly.reference import Reference
from model_store.vae.anomaly.statistics import AnomalyStatistics, anomaly_statistics

__all__ = [
    "SCORE_KINDS",
    "AnomalyStatistics",
    "Baseline",
    "Reference",
    "ScoreKind",
    "anomaly_statistics",
    "joined_statistics",
]
