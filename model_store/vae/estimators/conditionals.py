"""What a feature of a row should have been, given all the others: each in turn hidden, imputed."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from model_store.vae.chunks import rows_at_once
from model_store.vae.estimators.imputation import WeightedDraws
from model_store.vae.estimators.weights import proposal_of
from model_store.vae.likelihoods import Likelihood
from model_store.vae.model import VAE

NO_FEATURE = -1
"""Stands where a row has fewer features to ask about than others."""


@dataclass(frozen=True, eq=False)
class Conditionals:
    """p(x_j | all other observed features of the row), of some features j of each row.

    Args:
        expected: Its mean, or of unordered categories the most probable code; in data units.
        standard_deviation: NaN for unordered categories, and where there is none.
        probability: Of the value that came, for unordered categories; NaN for all else.
        highest_probability: Of the most probable code, for unordered categories; NaN for all else.
    """

    expected: Float[Tensor, "rows k"]
    standard_deviation: Float[Tensor, "rows k"]
    probability: Float[Tensor, "rows k"]
    highest_probability: Float[Tensor, "rows k"]


@torch.inference_mode()
def conditionals(
    vae: VAE,
    x: Float[Tensor, "rows *event"],
    features: Int[Tensor, "rows k"],
    *,
    num_samples: int,
    seed: int,
) -> Conditionals:
    """What each of the named features is expected to be, by importance sampling; see `impute`.

    Args:
        vae: The model.
        x: Rows in data units, NaN where a feature is missing.
        features: Flat indices of the features to ask about, `NO_FEATURE` for none.
        num_samples: Importance samples of each row and feature.
        seed: Of the noise.

    Raises:
        ShapeError, SupportError: x does not fit the model.
    """
    asked = features.flatten()
    copies = x.flatten(1).double().repeat_interleave(features.shape[1], dim=0)
    step = rows_at_once(vae, samples=num_samples)
    blocks = [
        _of_block(vae, some, js, num_samples, seed)
        for some, js in zip(copies.split(step), asked.split(step), strict=True)
    ]
    columns = torch.cat(blocks, dim=1) if blocks else copies.new_empty(4, 0)
    columns = columns.masked_fill(asked == NO_FEATURE, torch.nan)
    return Conditionals(*columns.view(4, *features.shape))


def _of_block(
    vae: VAE,
    x: Float[Tensor, "copies features"],
    features: Int[Tensor, " copies"],
    num_samples: int,
    seed: int,
) -> Float[Tensor, "4 copies"]:
    """The statistics of one feature of each row, in their order."""
    places = features.clamp(min=0).unsqueeze(1)
    came = x.gather(1, places).squeeze(1)
    hidden = x.scatter(1, places, torch.nan)
    rows = vae.to_model_units(vae.to_event(hidden))
    proposal = proposal_of(vae, rows, refine_steps=0, seed=seed)
    draws = WeightedDraws(vae, rows, hidden.to(vae.device), proposal, num_samples, seed)
    outputs, deviations, _ = draws.moments()
    chances = draws.average(lambda law: _chances(law, features))
    columns = torch.cat([outputs.gather(1, places), deviations.gather(1, places)], dim=1)
    likely = torch.stack([_chance_of(chances, came), chances.amax(dim=1)], dim=1)
    return torch.cat([columns.double(), likely], dim=1).T


def _chances(law: Likelihood, features: Int[Tensor, " n"]) -> Float[Tensor, "k n codes"]:
    """The probability of each code of the feature asked of each row, NaN where it has no codes."""
    parameters, asked_of = law.parameters(), features.unique().tolist()
    found = [(j, _code_probs(parameters, j)) for j in asked_of if j != NO_FEATURE]
    tables = {j: probs for j, probs in found if probs is not None}
    width = max((probs.shape[-1] for probs in tables.values()), default=1)
    shape = (law.center.shape[0], len(features), width)
    chances = torch.full(shape, torch.nan, dtype=torch.float64, device=law.center.device)
    for j, probs in tables.items():
        asked = features == j
        chances[:, asked] = 0.0
        chances[:, asked, : probs.shape[-1]] = probs[:, asked].double()
    return chances


def _code_probs(
    parameters: Mapping[str, Tensor], feature: int
) -> Float[Tensor, "k n codes"] | None:
    """The probabilities of an unordered feature's codes; None for all other kinds."""
    probs = parameters.get(f"{feature}.probs")
    if probs is None:
        probs = parameters.get("probs")
        # Of numbers, and of bits, there is one parameter for each feature.
        return None if probs is None or probs.ndim < 4 else probs[:, :, feature]
    return probs if probs.ndim == 3 else None


def _chance_of(
    chances: Float[Tensor, "n codes"], codes: Float[Tensor, " n"]
) -> Float[Tensor, " n"]:
    """That of each row's code, NaN where it is missing or there are no codes."""
    has_code = ~(codes.isnan() | chances[:, 0].isnan())
    places = torch.where(has_code, codes, 0.0).long().unsqueeze(1)
    return chances.gather(1, places).squeeze(1).masked_fill(~has_code, torch.nan)
