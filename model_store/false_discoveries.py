"""How many of the rows that are flagged together are flagged by mistake."""

import torch
from torch import Tensor


def benjamini_hochberg(p_values: Tensor, rate: float) -> float | None:
    """The p-value at or below which rows are flagged; None where none are.

    It is rate k / m for the largest k of which the k-th smallest of the m p-values is no greater
    (Benjamini & Hochberg, 1995). The expected share of false alarms among the flagged rows is then
    at most `rate`: also of conformal p-values, which depend on each other through the calibration
    rows that they have in common (Bates et al., 2023, arXiv:2104.08279).

    Args:
        p_values: Of the rows that are looked at together, shape (rows,).
        rate: The false discovery rate, between 0 and 1.
    """
    ascending = p_values.double().sort().values
    ranks = torch.arange(1, len(ascending) + 1, dtype=torch.float64, device=ascending.device)
    line = rate * (ranks / len(ascending))
    # A p-value on the line must not fall above it by rounding.
    reached = (ascending <= line * (1 + 1e-12)).nonzero()
    if len(reached) == 0:
        return None
    last = int(reached[-1])
    return max(float(line[last]), float(ascending[last]))
