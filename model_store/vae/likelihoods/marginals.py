"""Each feature by itself, from the cells that were observed: where likelihoods start."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def over_observed(
    y: Float[Tensor, "rows features"], statistic: Callable[[Tensor], Tensor]
) -> Float[Tensor, "*statistics features"]:
    """A statistic of every feature's observed cells; NaN in y is a missing cell.

    A feature without any is taken for zeros, which every kind of feature allows.

    Args:
        y: Rows in model units.
        statistic: Of complete rows (rows, features), feature by feature; features on the last
            axis of its result.
    """
    if not bool(y.isnan().any()):
        return statistic(y)
    return torch.cat([statistic(_observed(column)) for column in y.T], dim=-1)


def _observed(column: Tensor) -> Tensor:
    """At least two rows, so that there is a deviation, of the observed cells."""
    observed = column[~column.isnan()]
    if len(observed) > 1:
        return observed.unsqueeze(1)
    return observed.sum().expand(2, 1)
