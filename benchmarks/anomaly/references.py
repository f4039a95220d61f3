"""Detectors of scikit-learn, as anybody would set them up: higher scores are more anomalous."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from benchmarks.anomaly.tables import Cells

Scores = NDArray[np.float64]

Detector = Callable[[Cells, Cells, int], Scores]
"""From rows to fit on, rows to score and a seed."""

NEIGHBOURS = 5
EXPLAINED = 0.9  # share of the variance that the principal components keep


def isolation_forest(fit: Cells, rows: Cells, seed: int) -> Scores:
    """How few random cuts set a row apart (Liu et al., 2008), with the library's settings."""
    forest = IsolationForest(random_state=seed).fit(fit)
    return np.asarray(-forest.score_samples(rows))


def principal_components(fit: Cells, rows: Cells, seed: int) -> Scores:
    """Squared distance to the subspace of the principal components, columns standardised."""
    fit, rows = _standardised(fit, rows)
    pca = PCA(EXPLAINED, svd_solver="full", random_state=seed).fit(fit)
    away = rows - pca.inverse_transform(pca.transform(rows))
    return np.asarray(np.square(away).sum(axis=1))


def nearest_neighbours(fit: Cells, rows: Cells, seed: int) -> Scores:  # noqa: ARG001 - no chance
    """Mean distance to the five nearest rows, columns standardised."""
    fit, rows = _standardised(fit, rows)
    distances, _ = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(fit).kneighbors(rows)
    return np.asarray(distances.mean(axis=1))


def finite(scores: Scores) -> Scores:
    """Scores that can be ranked: what overflowed is the largest number there is."""
    return np.nan_to_num(np.asarray(scores, dtype=np.float64), nan=np.finfo(np.float64).max)


def _standardised(fit: Cells, rows: Cells) -> tuple[Cells, Cells]:
    scaler = StandardScaler().fit(fit)
    return scaler.transform(fit), scaler.transform(rows)


REFERENCES: Mapping[str, Detector] = {
    "IsolationForest": isolation_forest,
    "PCA": principal_components,
    "kNN": nearest_neighbours,
}
