"""Rows compared with a model's calibration: every score, and what it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from model_store.calibration import Calibration, ScoreKind
from model_store.vae.anomaly import Attribution, anomaly_statistics, attribute
from model_store.vae.estimators.conditionals import NO_FEATURE, Conditionals, conditionals
from model_store.vae.model import VAE

EXPLANATION_SAMPLES = 64
"""Importance samples in which what a feature should have been is looked for."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """The features of each row that make it unusual most, the first most of all.

    The elbo score is what is typical + the sum of `contributions` + `rest` + `kl_divergence`.

    Args:
        features: Flat indices, `NO_FEATURE` where a row has fewer observed features, (rows, k).
        contributions: What each adds to the elbo score beyond what it does in typical rows, in
            nats; 0 where there is no feature, (rows, k). See `Attribution`.
        values: Their values in data units, NaN where there is no feature, (rows, k).
        conditionals: What they were expected to be, given all other features of the row.
        rest: What the row's other features contribute, (rows,).
        kl_divergence: KL(q(z | x_o) || p(z)), o being what is not hidden, (rows,).
    """

    features: Tensor
    contributions: Tensor
    values: Tensor
    conditionals: Conditionals
    rest: Tensor
    kl_divergence: Tensor


@dataclass(frozen=True, eq=False)
class Detection:
    """How unusual rows are, by every score; float64, in nats of model units.

    The elbo score is `typical` + the sum of `excess` + `kl_divergence`, row by row.

    Args:
        scores: By kind, higher being more anomalous, each (rows,).
        typical: What the observed features of a row add to the elbo score of typical rows, (rows,).
        excess: What each feature adds beyond that; 0 where it is missing, (rows, features).
        kl_divergence: KL(q(z | x) || p(z)), (rows,).
        explanation: None if it was not asked for.
    """

    scores: Mapping[ScoreKind, Tensor]
    typical: Tensor
    excess: Tensor
    kl_divergence: Tensor
    explanation: Explanation | None


@torch.inference_mode()
def detect(
    vae: VAE,
    x: Tensor,
    *,
    calibration: Calibration,
    num_samples: int,
    seed: int,
    explain: int = 0,
) -> Detection:
    """Every anomaly score of each row, and the features that make it unusual.

    Args:
        vae: The model.
        x: Rows in data units, NaN where a feature is missing, (rows, *event).
        calibration: Of the model.
        num_samples: As the calibration has it: scores compare with nothing else.
        seed: The same.
        explain: How many features of each row to name.

    Raises:
        ShapeError, SupportError: x does not fit the model.
    """
    statistics = anomaly_statistics(
        vae, x, reference=calibration.reference, num_samples=num_samples, seed=seed
    )
    flat = x.flatten(1).double()
    usual = torch.where(flat.isnan(), 0.0, calibration.typical.double().flatten().cpu())
    explanation = None
    if explain:
        made = attribute(
            vae, x, statistics, calibration.typical, num_samples=num_samples, seed=seed
        )
        explanation = _explanation(vae, flat, made, usual, explain, seed=seed)
    return Detection(
        scores=dict(calibration.scores(statistics)),
        typical=usual.sum(dim=1),
        excess=statistics.contributions.flatten(1).double().cpu() - usual,
        kl_divergence=statistics.kl_divergence,
        explanation=explanation,
    )


def _explanation(
    vae: VAE, flat: Tensor, made: Attribution, usual: Tensor, count: int, *, seed: int
) -> Explanation:
    excess = made.contributions.cpu() - usual
    ranked = excess.masked_fill(flat.isnan(), -torch.inf)
    # Stable, so that equal contributions are named in the order of the features.
    order = ranked.sort(dim=1, descending=True, stable=True).indices
    places, others = order[:, :count], order[:, count:]
    named = ~flat.gather(1, places).isnan()
    features = places.masked_fill(~named, NO_FEATURE)
    return Explanation(
        features=features,
        contributions=torch.where(named, excess.gather(1, places), 0.0),
        values=torch.where(named, flat.gather(1, places), torch.nan),
        conditionals=conditionals(
            vae, vae.to_event(flat), features, num_samples=EXPLANATION_SAMPLES, seed=seed
        ),
        rest=excess.gather(1, others).sum(dim=1),
        kl_divergence=made.kl_divergence.cpu(),
    )
