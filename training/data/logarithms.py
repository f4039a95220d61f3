"""Which columns are better taken by their logarithm."""

import numpy as np

MIN_GAIN = 0.1
"""Nats per row that a logarithm has to be worth. Columns that are Gaussian, or as near to it as to
log-normal, come out at less: for them little would be won, and values below 0 lost."""

MIN_VALUES = 32
"""Marks, grades and other numbers from a short list are levels: whichever has few below it would
be pulled far away from its neighbours, and rows would differ by little else."""


def has_enough_values(column: np.ndarray) -> bool:
    """Whether a column has as many different values as a quantity that was measured."""
    return len(np.unique(column[~np.isnan(column)])) >= MIN_VALUES


def offset_of(column: np.ndarray) -> float:
    """The c of log(x + c) for a column with zeros: the median of its positive values.

    Being in the column's own unit it makes the model the same in every unit, which log(1 + x) is
    not. 0, which leaves log x, where there are no zeros.
    """
    values = column[~np.isnan(column)]
    return 0.0 if (values > 0).all() else float(np.median(values[values > 0]))


def log_gain(column: np.ndarray, offset: float) -> float:
    """How much better log(x + offset) is Gaussian than x, in nats per row.

    The difference of the two largest log-likelihoods of x, that of the logarithm with its Jacobian
    (Box & Cox, 1964): -log sd(u) - mean(u) + log sd(x), u being the logarithm. It is the same in
    every unit of x.

    Args:
        column: Values above -offset, or NaN where missing.
        offset: What is added before the logarithm is taken.
    """
    values = column[~np.isnan(column)]
    largest = np.abs(values).max(initial=0.0)
    if largest == 0 or values.min() == values.max():
        return -np.inf
    # In units of the largest value, so that no square overflows.
    logarithms = np.log((values + offset) / largest)
    if not logarithms.std() > 0:
        return -np.inf
    gain = np.log((values / largest).std()) - np.log(logarithms.std()) - logarithms.mean()
    return float(gain)
