"""Everything about a linear Gaussian model in closed form, in NumPy and by way of x, not of z.

p(z) = N(0, I), p(x | z) = N(W z + b, s^2 I), so p(x) = N(b, C) with C = W W' + s^2 I, and what is
observed of a row has the rows and columns of C that belong to it.
"""

from dataclasses import dataclass

import numpy as np
import scipy.stats
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearGaussian:
    """W (features, latents), b (features,) and s."""

    weight: Array
    bias: Array
    scale: float

    @property
    def covariance(self) -> Array:
        """C."""
        return self.weight @ self.weight.T + self.scale**2 * np.eye(len(self.bias))

    def posterior_precision(self, seen: NDArray[np.bool_]) -> Array:
        """M / s^2 of the observed features: the posterior's precision."""
        weight = self.weight[seen]
        return np.eye(weight.shape[1]) + weight.T @ weight / self.scale**2

    def sample(self, rows: int, generator: np.random.Generator) -> Array:
        """Rows of the model."""
        z = generator.standard_normal((rows, self.weight.shape[1]))
        noise = generator.standard_normal((rows, len(self.bias)))
        return z @ self.weight.T + self.bias + self.scale * noise

    def log_prob(self, x: Array) -> Array:
        """Log p of what is observed of each row."""
        return np.array([self._log_prob(row, ~np.isnan(row)) for row in x])

    def elbo_gap(self, x: Array) -> Array:
        """KL from the best diagonal posterior to the true one, of each row."""
        precisions = [self.posterior_precision(~np.isnan(row)) for row in x]
        return np.array(
            [0.5 * (np.log(m.diagonal()).sum() - np.linalg.slogdet(m)[1]) for m in precisions]
        )

    def conditional_mean(self, x: Array) -> Array:
        """E[x | x_o] of each row."""
        return np.array([self._conditional_mean(row, ~np.isnan(row)) for row in x])

    def attributions(self, x: Array, *, diagonal: bool) -> Array:
        """E_q log p(x_j | z) of each feature of complete rows."""
        precision = self.posterior_precision(np.ones(len(self.bias), dtype=bool))
        covariance = np.linalg.inv(precision)
        residual = x - self.bias
        mean = residual @ self.weight @ covariance / self.scale**2
        spread = np.diag(1 / precision.diagonal()) if diagonal else covariance
        variance = np.einsum("di,ij,dj->d", self.weight, spread, self.weight)
        squares = (residual - mean @ self.weight.T) ** 2 + variance
        constant = 0.5 * np.log(2 * np.pi * self.scale**2)
        return np.asarray(-constant - squares / (2 * self.scale**2))

    def interval_log_prob(self, feature: int, x: Array, width: float) -> Array:
        """Log P(x - width / 2 < X <= x + width / 2) of one feature by itself."""
        deviation = np.sqrt(self.covariance[feature, feature])
        ends = [(x - self.bias[feature] + half) / deviation for half in (-width / 2, width / 2)]
        return np.asarray(np.log(np.diff(scipy.stats.norm.cdf(ends), axis=0)[0]))

    def _log_prob(self, row: Array, seen: NDArray[np.bool_]) -> float:
        law = scipy.stats.multivariate_normal(self.bias[seen], self.covariance[np.ix_(seen, seen)])
        return float(law.logpdf(row[seen]))

    def _conditional_mean(self, row: Array, seen: NDArray[np.bool_]) -> Array:
        c = self.covariance
        gain = np.linalg.solve(c[np.ix_(seen, seen)], row[seen] - self.bias[seen])
        return np.asarray(np.where(seen, row, self.bias + c[:, seen] @ gain))
