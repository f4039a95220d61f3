"""What `refine` buys: samples that count, errors that hold, and the time it takes.

    python -m benchmarks.refinement

Trains the digits demo as `make serve` does and scores its held-out images, as they are and with
40 % of their pixels missing, which the encoder was never shown. The truth is taken to be what 50
steps and 10,000 samples with another seed say: its own error is in the last line of each table.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.splits import A_FIFTH_HELD_OUT
from model_store.store import FolderStore
from model_store.vae.estimators import LogLikelihoodEstimate, estimate_log_likelihood
from model_store.vae.model import VAE
from training.choices import threads
from training.config import TrainingConfig
from training.data import split_for
from training.run import Run

ROWS = 256
MISSING = 0.4
TRUTH = (50, 10_000)
ASKED = [(0, 256), (0, 1_000), (0, 10_000), *((steps, 256) for steps in (1, 3, 5, 10, 25, 50))]
COLUMNS = ("mean, nats", "off by", "standard error", "covered", "unreliable", "ESS", "CPU ms a row")


def main() -> None:
    """Print both tables."""
    vae, x = _demo()
    gaps = torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) < MISSING
    for title, rows in (
        ("as they are", x),
        ("40 % missing", x.masked_fill(gaps, torch.nan)),
    ):
        Console().print(_table(title, vae, rows))


def _demo() -> tuple[VAE, Tensor]:
    """The digits demo, trained, and images it has not seen."""
    with TemporaryDirectory() as store:
        run = Run(TrainingConfig(source="digits", store=Path(store), **A_FIFTH_HELD_OUT))
        torch.set_num_threads(threads(run.config))
        for _ in run.train():
            pass
        published = run.publish()
        vae = FolderStore(Path(store)).read(published.name, published.version).build()
        rows = torch.from_numpy(split_for(run.dataset, run.config).test[:ROWS])
    torch.set_num_threads(1)
    return vae, rows.double()


def _table(title: str, vae: VAE, x: Tensor) -> Table:
    table = Table("refine", "samples", *COLUMNS, title=title)
    truth = _ask(vae, x, *TRUTH, seed=1)
    for steps, samples in ASKED:
        start = time.process_time()
        estimate = _ask(vae, x, steps, samples, seed=0)
        milliseconds = 1e3 * (time.process_time() - start) / len(x)
        figures = (*_figures(estimate, truth), f"{milliseconds:.1f}")
        table.add_row(str(steps), f"{samples:,}", *figures)
    table.add_row("truth", "", *_figures(truth, truth), "")
    return table


def _ask(vae: VAE, x: Tensor, steps: int, samples: int, *, seed: int) -> LogLikelihoodEstimate:
    return estimate_log_likelihood(vae, x, num_samples=samples, seed=seed, refine=steps)


def _figures(estimate: LogLikelihoodEstimate, truth: LogLikelihoodEstimate) -> list[str]:
    error = (estimate.log_likelihood - truth.log_likelihood).abs()
    said = estimate.standard_error
    assert said is not None
    return [
        f"{estimate.log_likelihood.mean():.2f}",
        f"{error.mean():.3f}",
        f"{said.mean():.3f}",
        f"{(error <= 1.96 * said).double().mean():.1%}",
        f"{(~estimate.reliable).double().mean():.1%}",
        f"{estimate.effective_sample_size.mean():.0f}",
    ]


if __name__ == "__main__":
    main()
