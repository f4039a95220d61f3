"""The importance-weighted bound on log p(x) of each row, and what is known of its error."""

from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from model_store.errors import ShapeError
from model_store.vae import bounds, diagnostics
from model_store.vae.chunks import finite_rows
from model_store.vae.estimators.weights import log_weights, proposal_of
from model_store.vae.model import VAE
from model_store.vae.rows import Rows
from model_store.vae.sampling import draw_until


@dataclass(frozen=True, eq=False)
class LogLikelihoodEstimate:
    """The importance-weighted bound on log p(x) and what is known of its error, per row, in nats.

    `standard_error` is None with a single sample. `pareto_k` is -inf where all weights are equal
    and NaN where there are too few to tell; see `diagnostics.pareto_k`. `num_samples` is that of
    each row where a target let it differ.
    """

    log_likelihood: Float[Tensor, " rows"]
    standard_error: Float[Tensor, " rows"] | None
    effective_sample_size: Float[Tensor, " rows"]
    pareto_k: Float[Tensor, " rows"]
    reliable: Bool[Tensor, " rows"]
    bits_per_dim: Float[Tensor, " rows"]
    elbo: Float[Tensor, " rows"]
    num_samples: int | Int[Tensor, " rows"]


@torch.inference_mode()
def estimate_log_likelihood(  # noqa: PLR0913 - the options of the question
    vae: VAE,
    x: Float[Tensor, "rows *event"],
    *,
    num_samples: int,
    seed: int,
    target_standard_error: float | None = None,
    max_samples: int | None = None,
    resolution: float | tuple[float, ...] | None = None,
    refine: int = 0,
) -> LogLikelihoodEstimate:
    """Importance-weighted bound on log p(x) of each row (Burda et al., 2016, arXiv:1509.00519).

    A lower bound in expectation that rises to log p(x) with the number of samples; with q the exact
    posterior it is log p(x) for any number. Where features are missing it is that of the observed
    ones; of a row with none observed it is 0, without error.

    Args:
        vae: The model.
        x: Rows in data units, NaN where a feature is missing.
        num_samples: Importance samples of each row.
        seed: Of the noise.
        target_standard_error: In nats. A row whose standard error is above it gets twice the
            samples until it is not, or until there are `max_samples`.
        max_samples: Most samples of a row; `num_samples` unless given.
        resolution: Width of an interval in data units, one for all features or one for each: asks
            for log P(x - resolution / 2 < X <= x + resolution / 2), a probability, where features
            are continuous. Discrete ones have theirs whatever it is.
        refine: Steps to look for a better proposal than the encoder's in; see `refinement`.

    Raises:
        ShapeError, SupportError: x does not fit the model, or `resolution` its features.
        OutOfRangeError: a row's log-likelihood is not finite.
    """
    rows = vae.to_model_units(x)
    if resolution is not None:
        rows = vae.as_intervals(rows, x, _per_feature(resolution, vae.num_features))
    proposal = proposal_of(vae, rows, refine_steps=refine, seed=seed)
    if target_standard_error is None:
        table = log_weights(vae, rows, proposal, range(num_samples), seed)
        estimate = summarise(table, vae, rows)
    else:
        groups = draw_until(
            partial(_is_met, target_standard_error),
            lambda group, samples: log_weights(
                vae, rows.select(group), proposal.select(group), samples, seed
            ),
            torch.arange(len(rows), device=vae.device),
            num_samples=num_samples,
            max_samples=max_samples or num_samples,
        )
        estimate = _together([(g, summarise(table, vae, rows.select(g))) for g, table in groups])
    finite_rows(estimate.log_likelihood, "log-likelihood")
    return estimate


def _per_feature(resolution: float | tuple[float, ...], features: int) -> Float[Tensor, " n"]:
    """The widths as a tensor of one, or of one for each feature.

    Raises:
        ShapeError: another number of them.
    """
    widths = torch.tensor(resolution, dtype=torch.float64).reshape(-1)
    if isinstance(resolution, tuple) and len(resolution) != features:
        raise ShapeError(
            f"resolution has {len(resolution)} numbers; this model takes one, or {features}: "
            f"one for each feature."
        )
    return widths


def summarise(log_weights: Float[Tensor, "k rows"], vae: VAE, rows: Rows) -> LogLikelihoodEstimate:
    """What log weights say of their rows."""
    elbo = bounds.elbo(log_weights)
    # log p of nothing is 0: the weights are p(z) / q(z), whose mean needs no estimate.
    log_weights = torch.where(rows.is_empty, 0.0, log_weights)
    log_likelihood = bounds.importance_weighted_bound(log_weights)
    if vae.is_probability(rows):
        # An estimate above 1 is too high by at least as much.
        log_likelihood = log_likelihood.clamp(max=0)
    pareto_k = diagnostics.pareto_k(log_weights)
    error = None
    if log_weights.shape[0] > 1:
        error = bounds.importance_weighted_standard_error(log_weights)
    return LogLikelihoodEstimate(
        log_likelihood=log_likelihood,
        standard_error=error,
        effective_sample_size=diagnostics.effective_sample_size(log_weights),
        pareto_k=pareto_k,
        reliable=diagnostics.reliable(pareto_k),
        bits_per_dim=bounds.bits_per_dim(log_likelihood, rows.num_observed.clamp(min=1)),
        elbo=elbo,
        num_samples=log_weights.shape[0],
    )


def _is_met(target: float, log_weights: Float[Tensor, "k rows"]) -> Bool[Tensor, " rows"]:
    if log_weights.shape[0] == 1:
        return torch.zeros_like(log_weights[0], dtype=torch.bool)
    return bounds.importance_weighted_standard_error(log_weights) <= target


def _together(
    groups: list[tuple[Tensor, LogLikelihoodEstimate]],
) -> LogLikelihoodEstimate:
    """The estimates of groups of rows, whose places come with them, as one in the rows' order."""
    order = torch.cat([rows for rows, _ in groups]).argsort()
    counts = [torch.full_like(rows, int(each.num_samples)) for rows, each in groups]
    whole = joined([estimate for _, estimate in groups])
    ordered = {name: value[order] for name, value in _columns(whole).items()}
    return replace(whole, **{**ordered, "num_samples": torch.cat(counts)[order]})


def joined(parts: list[LogLikelihoodEstimate]) -> LogLikelihoodEstimate:
    """The estimates of rows after rows, drawn alike, as one."""
    columns = [_columns(part) for part in parts]
    return replace(parts[0], **{n: torch.cat([c[n] for c in columns]) for n in columns[0]})


def _columns(estimate: LogLikelihoodEstimate) -> dict[str, Any]:
    """What it says of each row."""
    values = {field.name: getattr(estimate, field.name) for field in fields(estimate)}
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}
