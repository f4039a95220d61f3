"""A running service against the closed forms of a linear Gaussian model.

    python -m benchmarks.exactness

Publishes `vae-train linear-gaussian` twice, with its exact posterior and the best diagonal one,
serves both, and asks over HTTP what can be known: log-likelihood, elbo, marginals and conditional
means of rows with gaps, attributions and interval probabilities.

With the diagonal posterior the weights of a complete row, relative to p(x), depend on the noise
alone, which all rows of a request share: many seeds say more than many rows.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from app.client import Model, VaeClient
from benchmarks.closed_form import Array, LinearGaussian
from benchmarks.servers import serving
from model_store.store import FolderStore
from training.config import TrainingConfig
from training.linear_gaussian import NOISE_SCALE, write_down

ROWS = 1_000
SAMPLES = (2, 16, 256)
SEEDS = tuple(range(20))
MANY_SAMPLES = 2_000
LARGEST_GAPS = 0.4
WIDTH = 0.5
COVERAGE_SEEDS = 4_000
POSTERIORS = ("full", "diagonal")


@dataclass(frozen=True)
class Comparison:
    """Answers beside closed forms, and the error that the answers claim.

    Args:
        quantity: What was asked.
        difference: Answer - closed form.
        standard_error: As answered; None where an answer has none.
    """

    quantity: str
    difference: Array
    standard_error: Array | None

    def cells(self) -> list[str]:
        """Largest difference, largest error, and how many lie within three errors."""
        largest = f"{np.abs(self.difference).max():.1e}"
        if self.standard_error is None:
            return [self.quantity, largest, "", ""]
        # Below a ten-thousandth of a nat an error is rounding, of which none is claimed.
        within = np.abs(self.difference) <= 3 * self.standard_error + 1e-4
        return [
            self.quantity,
            largest,
            f"{self.standard_error.max():.1e}",
            f"{100 * within.mean():.2f} %",
        ]


def main(
    port: Annotated[int, typer.Option(help="A free port.")] = 8123,
    seed: Annotated[int, typer.Option(help="Of the models and the rows.")] = 0,
) -> None:
    """Print a table for each posterior."""
    with tempfile.TemporaryDirectory() as folder:
        models = {name: _publish(Path(folder), name, seed) for name in POSTERIORS}
        with serving(Path(folder), port) as server, VaeClient(server.url) as client:
            for name, truth in models.items():
                _print(name, client.model(name), truth, seed)


def _publish(folder: Path, posterior: str, seed: int) -> LinearGaussian:
    """The model in the store, and the same on paper, read from its checkpoint."""
    config = TrainingConfig.from_sources(
        {
            "source": "linear-gaussian",
            "name": posterior,
            "store": folder,
            "posterior": posterior,
            "seed": seed,
        }
    )
    published = write_down(config)
    tensors = FolderStore(folder).read(published.name, published.version).tensors
    weight, bias = (
        tensors[f"decoder.output.{name}"].double().numpy() for name in ("weight", "bias")
    )
    return LinearGaussian(weight, bias, NOISE_SCALE)


def _print(posterior: str, model: Model, truth: LinearGaussian, seed: int) -> None:
    x = truth.sample(ROWS, np.random.default_rng(seed))
    table = Table(
        "quantity", "largest difference", "largest standard error", "within 3", title=posterior
    )
    for comparison in _comparisons(model, truth, x, diagonal=posterior == "diagonal"):
        table.add_row(*comparison.cells())
    console = Console(width=100)
    console.print(table)
    answer = model.log_likelihood(x)
    console.print(f"reliable: {100 * answer.reliable.mean():.1f} % of {ROWS:,} rows")
    if posterior == "diagonal":
        console.print(_coverage(model, truth, x[:1]))


def _comparisons(
    model: Model, truth: LinearGaussian, x: Array, *, diagonal: bool
) -> Iterator[Comparison]:
    log_prob, gap = truth.log_prob(x), truth.elbo_gap(x) if diagonal else np.zeros(len(x))
    for samples in SAMPLES:
        yield _over_seeds(
            f"log-likelihood, {samples} samples",
            partial(_log_likelihood, model, x, samples),
            log_prob,
        )
    yield _over_seeds("elbo, 256 samples", partial(_elbo, model, x), log_prob - gap)
    gaps = _with_gaps(x)
    marginals = truth.log_prob(gaps)
    yield _over_seeds(
        "log-likelihood of rows with gaps",
        partial(_log_likelihood, model, gaps, MANY_SAMPLES),
        marginals,
    )
    imputed = model.impute(gaps, num_samples=MANY_SAMPLES)
    missing = np.isnan(gaps)
    difference = imputed.outputs - truth.conditional_mean(gaps)
    yield Comparison("conditional means", difference[missing], imputed.standard_error[missing])
    parts = model.elbo(x, num_samples=MANY_SAMPLES, per_feature=True).per_feature
    if parts is not None:
        difference = parts - truth.attributions(x, diagonal=diagonal)
        yield Comparison("attributions", difference, None)
    yield _intervals(model, truth, x)


def _over_seeds(
    quantity: str, ask: Callable[[int], tuple[Array, Array]], truth: Array
) -> Comparison:
    values, errors = zip(*(ask(seed) for seed in SEEDS), strict=True)
    return Comparison(quantity, np.concatenate([v - truth for v in values]), np.concatenate(errors))


def _log_likelihood(model: Model, x: Array, num_samples: int, seed: int) -> tuple[Array, Array]:
    answer = model.log_likelihood(x, num_samples=num_samples, seed=seed)
    return answer.log_likelihood, _known(answer.standard_error)


def _elbo(model: Model, x: Array, seed: int) -> tuple[Array, Array]:
    answer = model.elbo(x, num_samples=256, seed=seed)
    return answer.elbo, _known(answer.standard_error)


def _intervals(model: Model, truth: LinearGaussian, x: Array) -> Comparison:
    """Of one observed feature at a time: of several at once there is no closed form."""
    features = truth.weight.shape[0]
    rows = np.full((features, features), np.nan)
    np.fill_diagonal(rows, x.diagonal())
    answer = model.log_likelihood(rows, num_samples=10_000, resolution=WIDTH)
    exact = np.array([truth.interval_log_prob(j, rows[j, j], WIDTH) for j in range(features)])
    return Comparison(
        "interval log-probabilities",
        answer.log_likelihood - exact,
        _known(answer.standard_error),
    )


def _coverage(model: Model, truth: LinearGaussian, x: Array) -> str:
    """Over seeds, for a single row."""
    (exact,), covered = truth.log_prob(x), []
    for seed in range(COVERAGE_SEEDS):
        answer = model.log_likelihood(x, num_samples=1_000, seed=seed)
        if answer.pareto_k[0] < 0.5:
            error = _known(answer.standard_error)[0]
            covered.append(abs(answer.log_likelihood[0] - exact) <= 1.96 * error)
    share = np.mean(covered)
    spread = np.sqrt(share * (1 - share) / len(covered))
    return (
        f"coverage of +-1.96 standard errors, 1,000 samples, k < 0.5: "
        f"{100 * share:.1f} +- {100 * spread:.1f} % of {len(covered):,} seeds"
    )


def _with_gaps(x: Array) -> Array:
    """Every row with another pattern of gaps, up to the largest share."""
    generator = np.random.default_rng(0)
    shares = LARGEST_GAPS * generator.random((len(x), 1))
    return np.where(generator.random(x.shape) < shares, np.nan, x)


def _known(error: Array | None) -> Array:
    if error is None:
        raise ValueError("A single sample has no standard error.")
    return error


if __name__ == "__main__":
    typer.run(main)
