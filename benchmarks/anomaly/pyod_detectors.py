"""Detectors of PyOD, with its settings; none where it is not installed (`.[bench]`)."""

import warnings
from collections.abc import Mapping
from typing import Protocol

import torch

from benchmarks.anomaly.references import Detector, Scores, finite
from benchmarks.anomaly.tables import Cells

try:
    from pyod.models.auto_encoder import AutoEncoder
    from pyod.models.ecod import ECOD
    from pyod.models.vae import VAE
except ModuleNotFoundError:
    PYOD: Mapping[str, Detector] = {}
else:

    class _Pyod(Protocol):
        def fit(self, rows: Cells) -> object: ...

        def decision_function(self, rows: Cells) -> Scores: ...

    def _scores(detector: _Pyod, fit: Cells, rows: Cells) -> Scores:
        # It draws from torch's global generator: nothing of ours may.
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of columns that hardly vary
            detector.fit(fit)
            return finite(detector.decision_function(rows))

    def _variational(fit: Cells, rows: Cells, seed: int) -> Scores:
        return _scores(VAE(random_state=seed, verbose=0), fit, rows)

    def _autoencoder(fit: Cells, rows: Cells, seed: int) -> Scores:
        return _scores(AutoEncoder(random_state=seed, verbose=0), fit, rows)

    def _ecod(fit: Cells, rows: Cells, seed: int) -> Scores:  # noqa: ARG001 - no chance
        return _scores(ECOD(), fit, rows)

    PYOD = {"PyOD VAE": _variational, "PyOD AutoEncoder": _autoencoder, "PyOD ECOD": _ecod}
