"""Gaps filled by regressions of each column on all the others, over and over: scikit-learn's."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes the next one exist
from sklearn.impute import IterativeImputer

from benchmarks.real_data.columns import Cells, Columns

MAX_ROWS = 5_000  # to fit on: a linear regression learns little from more


class Regression:
    """`IterativeImputer` (Bayesian ridge) on standardised numbers and indicators of categories.

    Args:
        columns: Of the training rows.
        train: The training rows, in no particular order.
        cardinalities: Number of codes of each column; 0 of numeric ones.
    """

    def __init__(self, columns: Columns, train: Cells, cardinalities: list[int]) -> None:
        self._columns = columns
        self._cardinalities = cardinalities
        self._imputer = IterativeImputer(max_iter=20, random_state=0, keep_empty_features=True)
        with warnings.catch_warnings():
            # Twenty rounds are enough, whatever it says: sixty change no digit of the tables.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._imputer.fit(self._encoded(train[:MAX_ROWS]))

    def fill(self, x: Cells) -> Cells:
        """The rows without gaps; of categories the one with the largest regression."""
        encoded = self._imputer.transform(self._encoded(x))
        filled, start = np.empty_like(x), 0
        for j, count in enumerate(self._cardinalities):
            block = encoded[:, start : start + max(1, count - 1)]
            number = block[:, 0] * self._columns.scale[j] + self._columns.fill[j]
            first = 1 - block.sum(axis=1, keepdims=True)
            code = np.concatenate([first, block], axis=1).argmax(axis=1)
            filled[:, j] = code if count else number
            start += block.shape[1]
        whole: Cells = np.where(np.isnan(x), filled, x)
        return whole

    def _encoded(self, x: Cells) -> Cells:
        return np.concatenate(
            [self._of_column(x[:, j], j) for j in range(x.shape[1])], axis=1, dtype=np.float64
        )

    def _of_column(self, values: Cells, j: int) -> Cells:
        if not self._cardinalities[j]:
            standardised: Cells = (values - self._columns.fill[j]) / self._columns.scale[j]
            return standardised[:, None]
        # Without the first: together they add up to one, so each would be "explained" by the rest.
        codes = np.arange(1, self._cardinalities[j])
        indicators: Cells = (values[:, None] == codes).astype(np.float64)
        indicators[np.isnan(values)] = np.nan
        return indicators
