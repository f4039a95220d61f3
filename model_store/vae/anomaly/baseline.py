"""The scores: one number per row and kind, higher being more unusual."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.vae.anomaly.pictures import has_plainness
from model_store.vae.anomaly.statistics import AnomalyStatistics
from model_store.vae.model import VAE

ScoreKind = Literal["combined", "elbo", "log_likelihood", "reconstruction", "latent", "typicality"]
"""Ways to say how unusual a row is; see `Baseline.scores`."""

SCORE_KINDS: tuple[ScoreKind, ...] = get_args(ScoreKind)

TAIL = 0.1
SMALLEST_DEVIATION = 0.01  # nats; a feature that never varies would count without bound

# Of a score: below this, two sums of the same numbers in another order may differ.
ROUNDING = 1e-6

_Column = Callable[[AnomalyStatistics], Tensor]

# What is joined, each so that higher is more unusual.
_ONE_SIDED: Mapping[str, _Column] = {
    "neighbours": lambda s: s.neighbours,
    "log_likelihood": lambda s: -s.log_likelihood,
    "reconstruction": lambda s: -s.reconstruction,
    "latent": lambda s: s.latent,
}
_TYPICAL = ("log_likelihood", "reconstruction", "latent")
_PLAIN = ("simplicity", "squared_error", "overfit")


def joined_statistics(vae: VAE) -> tuple[str, ...]:
    """Names of what a model's baseline keeps; pictures have more of it than tables."""
    return (*_ONE_SIDED, "features", *(_PLAIN if has_plainness(vae) else ()))


@dataclass(frozen=True, eq=False)
class Baseline:
    """What is usual, learned from rows that do not calibrate the scores.

    Nothing in it depends on calibration rows, so a score is a fixed function of a row: calibration
    rows and clean new rows have exchangeable scores, and their conformal p-values are valid. That
    holds for `combined` and `typicality` as well, which are calibrated after they are combined.

    Args:
        typical: Median contribution of each feature, shape (features,), in nats.
        deviation: Standard deviation of each, never below a hundredth of a nat.
        ascending: Sorted values of each statistic that scores are joined from, each (rows,), of
            rows that did not train the model either.
    """

    typical: Float[Tensor, " features"]
    deviation: Float[Tensor, " features"]
    ascending: Mapping[str, Float[Tensor, " m"]]

    @staticmethod
    def of(held_out: AnomalyStatistics, training: AnomalyStatistics) -> "Baseline":
        """What these rows say is usual.

        Args:
            held_out: Of rows that did not train the model.
            training: Of rows that did, which help to tell how much each feature's contribution
                varies: the few rows that small tables can spare seldom show a feature's rare
                values.
        """
        parts = [observed_contributions(each) for each in (held_out, training)]
        typical, deviation = _feature_scale(torch.cat(parts))
        columns = columns_of(held_out, typical, deviation)
        return Baseline(
            typical, deviation, {name: column.sort().values for name, column in columns.items()}
        )

    def scores(self, statistics: AnomalyStatistics) -> Mapping[ScoreKind, Float[Tensor, " rows"]]:
        """Every score of each row, float64, higher being more unusual.

        `elbo`, `log_likelihood` and `reconstruction` are minus the statistic of that name in nats,
        `latent` is a squared Mahalanobis distance.

        Others are surprises: -log p of a statistic among the baseline's rows, p falling
        exponentially beyond the largest tenth of them, so that rows far out do not tie.

        `combined` is the largest surprise of `neighbours`, the elbo with the codes of the nearest
        training rows (see `AnomalyStatistics`), and one more of a table or three more of pictures:
        `features`, KL + s sum_j max(0, (c_j - typical_j) / deviation_j) with the contributions c_j
        and s the median deviation, where a feature that fits better than usual does not make up for
        one that does not; or whether a picture is too simple, too far from its reconstruction, or
        fits better than the model's own draws would (see `Plainness`).

        `typicality` is the largest surprise of log_likelihood, reconstruction and latent, at both
        ends: a row can be too likely (Nalisnick et al., 2019, arXiv:1906.02994).
        """
        columns = columns_of(statistics, self.typical, self.deviation)
        up = {name: surprise(self.ascending[name], column) for name, column in columns.items()}
        down = [surprise(-self.ascending[n].flip(0), -columns[n]) for n in _TYPICAL]
        # Most pixels of a picture say the same, and what they say of simple ones misleads.
        joined = ["neighbours", *(("features",) if statistics.plainness is None else _PLAIN)]
        return {
            "combined": torch.stack([up[name] for name in joined]).amax(dim=0),
            "elbo": -statistics.elbo,
            "log_likelihood": columns["log_likelihood"],
            "reconstruction": columns["reconstruction"],
            "latent": columns["latent"],
            "typicality": torch.stack([*(up[n] for n in _TYPICAL), *down]).amax(dim=0),
        }


def surprise(
    ascending: Float[Tensor, " m"], values: Float[Tensor, " rows"]
) -> Float[Tensor, " rows"]:
    """-log p of each value among sorted ones, p being the share that is as large or larger.

    Beyond the largest tenth, where ranks would soon tie, p falls exponentially at the rate of that
    tenth's mean excess.
    """
    m = len(ascending)
    edge = ascending.quantile(1 - TAIL)
    over = ascending[ascending > edge] - edge
    slack = ROUNDING * (1 + edge.abs())
    excess = torch.maximum(over.mean() if len(over) else slack, slack)
    at_least = m - torch.searchsorted(ascending, below_rounding(values), side="left")
    by_rank = -torch.log((at_least + 0.5) / (m + 1))
    beyond = (values - edge) / excess - math.log(TAIL)
    return torch.where(values > edge + slack, beyond, by_rank)


def below_rounding(values: Float[Tensor, " rows"]) -> Float[Tensor, " rows"]:
    """The values less what rounding may have added.

    A row's sums come out a little different in another batch. Where rows repeat, as they do in
    tables of categories, equal ones must not be told apart by it.
    """
    return (values - ROUNDING * (1 + values.abs())).contiguous()


def columns_of(
    statistics: AnomalyStatistics, typical: Tensor, deviation: Tensor
) -> Mapping[str, Float[Tensor, " rows"]]:
    """What scores are joined from, by name, each so that higher is more unusual."""
    columns = {name: column(statistics) for name, column in _ONE_SIDED.items()}
    columns["features"] = _lack(statistics, typical, deviation)
    if (plain := statistics.plainness) is not None:
        parts = (-plain.entropy, plain.squared_error, -plain.deviance)
        columns |= dict(zip(_PLAIN, parts, strict=True))
    return columns


def _lack(
    statistics: AnomalyStatistics, typical: Tensor, deviation: Tensor
) -> Float[Tensor, " rows"]:
    lack = ((statistics.contributions - typical) / deviation).clamp(min=0)
    if statistics.observed is not None:
        lack = lack.masked_fill(~statistics.observed, 0.0)
    return statistics.kl_divergence + deviation.median() * lack.sum(dim=-1)


def observed_contributions(statistics: AnomalyStatistics) -> Float[Tensor, "rows features"]:
    """The contributions, NaN where a feature is missing."""
    if statistics.observed is None:
        return statistics.contributions
    return statistics.contributions.masked_fill(~statistics.observed, torch.nan)


def medians(values: Float[Tensor, "rows features"]) -> Float[Tensor, " features"]:
    """The median of each column, NaN left out; 0 of a column that has nothing else."""
    return values.nanmedian(dim=0).values.nan_to_num(0.0)


def _feature_scale(values: Float[Tensor, "rows features"]) -> tuple[Tensor, Tensor]:
    """Medians and standard deviations of the contributions of each feature, where observed."""
    typical = medians(values)
    count = values.isfinite().sum(dim=0).clamp(min=1)
    mean = values.nansum(dim=0) / count
    variance = (values - mean).square().nansum(dim=0) / count
    return typical, variance.sqrt() + SMALLEST_DEVIATION
