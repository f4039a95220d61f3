"""How good is the demo model? Held-out log-probability of handwritten digits, in nats per image.

    python -m benchmarks.digits [--seeds 0,1,2]

Trains the demo as `make serve` does, with a fifth of the images held out, once for each seed (a
seed also decides which), and scores the held-out images against a model of independent pixels: each
pixel's level frequencies in the same training images, with one count spread over the 17 levels.
Every number is a log-probability of the whole image: they can be compared, also with other models
of 17 levels.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.splits import A_FIFTH_HELD_OUT
from model_store.schema import Estimate
from training.choices import threads
from training.config import TrainingConfig
from training.data import Split, split_for
from training.run import Run

LEVELS = 17


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0,1,2", help="such as 0,1,2")
    seeds = [int(seed) for seed in parser.parse_args().seeds.split(",")]
    print(f"{'seed':>4}  {'independent pixels':>18}  {'elbo':>15}  {'log-likelihood':>15}  seconds")
    for seed in seeds:
        with TemporaryDirectory() as store:
            print(_row(seed, Path(store)))


def _row(seed: int, store: Path) -> str:
    run = Run(TrainingConfig(source="digits", seed=seed, store=store, **A_FIFTH_HELD_OUT))
    torch.set_num_threads(threads(run.config))
    start = time.perf_counter()
    for _ in run.train():
        pass
    seconds = time.perf_counter() - start
    evaluation = run.publish().document.evaluation
    baseline = _independent_pixels(split_for(run.dataset, run.config))
    return (
        f"{seed:>4}  {_show(baseline):>18}  {_show(evaluation.elbo):>15}  "
        f"{_show(evaluation.log_likelihood):>15}  {seconds:7.1f}"
    )


def _independent_pixels(split: Split) -> Estimate:
    """Mean log-probability of the held-out images if pixels knew nothing of each other."""
    train, test = (x.reshape(len(x), -1).astype(int) for x in (split.train, split.test))
    counts = np.stack([np.bincount(pixel, minlength=LEVELS) for pixel in train.T]) + 1 / LEVELS
    log_probs = np.log(counts / counts.sum(axis=1, keepdims=True))
    scores = log_probs[np.arange(train.shape[1]), test].sum(axis=1)
    return Estimate(value=scores.mean(), standard_error=scores.std(ddof=1) / len(scores) ** 0.5)


def _show(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} ± {estimate.standard_error:.2f}"


if __name__ == "__main__":
    main()
