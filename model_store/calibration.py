"""What a score means: its place among the scores of held-out rows."""

import torch
from torch import Tensor


def conformal_p_values(calibration: Tensor, scores: Tensor) -> Tensor:
    """(1 + #{calibration >= score}) / (n + 1) of each score, higher being more anomalous.

    Where the score's row is exchangeable with the n calibration rows, the chance of a p-value of at
    most a is at most a, whatever the scores' distribution (Vovk et al., 2005; Bates et al., 2023,
    arXiv:2104.08279). It is never 0, so no rate below 1 / (n + 1) can be asked for. Ties count
    against the alarm.

    Args:
        calibration: Scores of rows that neither trained nor selected the model, shape (n,).
        scores: Shape (rows,).

    Returns:
        Shape (rows,), float64.

    Raises:
        ValueError: there are no calibration scores, or one is NaN.
    """
    n = len(calibration)
    if n == 0 or bool(calibration.isnan().any()):
        came = "NaN among them" if n else "none"
        raise ValueError(
            f"Conformal p-values need calibration scores that are numbers; got {came}."
        )
    ascending = calibration.double().sort().values
    below = torch.searchsorted(ascending, scores.double().contiguous(), side="left")
    return (1 + n - below).double() / (n + 1)
