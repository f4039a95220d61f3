"""The training loop: a generator of reports, readable top to bottom."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from model_store.errors import OutOfRangeError
from model_store.vae.estimators import estimate_elbo
from model_store.vae.model import VAE
from model_store.vae.rows import Rows
from training.batches import Batches
from training.errors import DivergedError
from training.objective import Objective, has_closed_form
from training.schedules import averaging_decay, kl_weight, learning_rate

VALIDATION_SAMPLES = 16  # draws per row: the selection should not hang on one lucky draw
VALIDATIONS = 50  # over all epochs
LEARNING_RATE_WARMUP = 0.03  # of all steps: AdamW's second moments need a few to mean something
MAX_SKIPPED_IN_A_ROW = 50
WIDE = 128


@dataclass(frozen=True)
class FitOptions:
    """How to train; defaults and their reasons are those of the config and the choices.

    `keep` says which averaged weights remain: the best on the validation rows, or the last.
    """

    epochs: int
    learning_rate: float
    weight_decay: float
    max_grad_norm: float
    kl_warmup_fraction: float
    free_bits: float
    input_dropout: float
    missing_rate: float
    ema_decay: float
    patience_fraction: float
    keep: Literal["best", "last"]
    seed: int


@dataclass(frozen=True)
class Report:
    """One epoch, in nats per row.

    Attributes:
        epoch: Counted from 1.
        elbo: Mean of the training elbo over the epoch, at each step's weights, at KL weight 1.
        validation_elbo: Of the averaged weights, at KL weight 1; None between validations.
        skipped_steps: Steps so far whose gradient was not finite.
    """

    epoch: int
    elbo: float
    validation_elbo: float | None
    skipped_steps: int


def fit(vae: VAE, batches: Batches, validation: Tensor, options: FitOptions) -> Iterator[Report]:
    """Maximise the elbo; at the end `vae` holds the kept averaged weights, in evaluation mode.

    Weights are averaged over steps (EMA); the average is what is validated and kept, always at KL
    weight 1. Training stops early when the best average is `patience_fraction` of the epochs old.

    Args:
        vae: Initialised, on the batches' device; changed in place.
        batches: Training rows in model units.
        validation: Rows in data units, shape (rows, *event).
        options: How to train.

    Raises:
        DivergedError: the gradient was not finite for many steps in a row.
    """
    trainer = _Trainer(vae, options, steps=options.epochs * len(batches))
    best = _Best(max_age=max(1, round(options.patience_fraction * options.epochs)))
    every = max(1, options.epochs // VALIDATIONS)
    for epoch in range(1, options.epochs + 1):
        elbo = trainer.epoch(batches) / batches.num_rows
        score = None
        if epoch % every == 0 or epoch == options.epochs:
            score = _validate(trainer.average, validation, epoch)
            if trainer.kl_weight >= 1:
                best.offer(trainer.average, score, epoch)
        yield Report(epoch, elbo, score, trainer.skipped_steps)
        if options.keep == "best" and best.is_too_old(epoch):
            break
    last = trainer.average.state_dict()
    vae.load_state_dict(best.state or last if options.keep == "best" else last)
    vae.eval()


class _Trainer:
    """The optimiser, the averaged weights and the step count."""

    def __init__(self, vae: VAE, options: FitOptions, *, steps: int) -> None:
        self.vae = vae.train()
        self.average = copy.deepcopy(vae).eval()
        self.skipped_steps = 0
        self._options = options
        self._steps = steps
        self._step = 0
        self._skipped_in_a_row = 0
        self._parameters: list[Tensor] = list(vae.parameters())
        self._averages: list[Tensor] = list(self.average.parameters())
        self._optimizer = torch.optim.AdamW(
            _decay_groups(vae, options.weight_decay), lr=0.0, betas=(0.9, 0.99), fused=True
        )
        generator = torch.Generator(vae.device).manual_seed(options.seed)
        self._objective = Objective(
            vae,
            input_dropout=options.input_dropout,
            missing_rate=options.missing_rate,
            generator=generator,
        )

    @property
    def kl_weight(self) -> float:
        """At the next step."""
        warmup = round(self._options.kl_warmup_fraction * self._steps)
        return kl_weight(self._step, warmup=warmup)

    def epoch(self, batches: Batches) -> float:
        """A step on each batch; returns the sum of the rows' elbos."""
        # The elbo of a linear model is exact, and so should its optimum be; narrow networks lose
        # more to the quicker kernel's preparations than they gain.
        exact = has_closed_form(self.vae) or self.vae.widest < WIDE
        with _matmul_precision("highest" if exact else "medium"):
            return sum(self._take_step(rows) for rows in batches)

    def _take_step(self, rows: Rows) -> float:
        self._set_learning_rate()
        terms = self._objective(rows)
        loss = -terms.objective(kl_weight=self.kl_weight, free_bits=self._options.free_bits)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self._parameters, self._options.max_grad_norm)
        if bool(norm.isfinite()):
            self._optimizer.step()
            self._update_average()
            self._skipped_in_a_row = 0
        else:
            self._skip()
        self._step += 1
        return terms.elbo()

    def _set_learning_rate(self) -> None:
        warmup = max(1, round(LEARNING_RATE_WARMUP * self._steps))
        peak = self._options.learning_rate
        rate = learning_rate(self._step, self._steps, peak=peak, warmup=warmup)
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = averaging_decay(self._step, decay=self._options.ema_decay)
        torch._foreach_lerp_(self._averages, self._parameters, 1 - decay)

    def _skip(self) -> None:
        self.skipped_steps += 1
        self._skipped_in_a_row += 1
        if self._skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
            raise DivergedError(
                f"At step {self._step:,} the gradient had not been finite for "
                f"{MAX_SKIPPED_IN_A_ROW} steps in a row; a smaller --learning-rate is needed."
            )


@contextmanager
def _matmul_precision(precision: str) -> Iterator[None]:
    """Products of matrices at this precision, and then as before.

    "medium" lets a processor multiply in bfloat16 if it can and add in float32, which gradients of
    one noisy draw do not feel. If it cannot, PyTorch still takes another kernel, twice as fast on
    the processor at hand and exact to float32.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


class _Best:
    """The averaged weights with the highest validation elbo so far."""

    def __init__(self, *, max_age: int) -> None:
        self.state: dict[str, Tensor] | None = None
        self._max_age = max_age
        self._score = float("-inf")
        self._epoch = 0

    def offer(self, average: VAE, score: float, epoch: int) -> None:
        if score > self._score:
            self.state = copy.deepcopy(average.state_dict())
            self._score, self._epoch = score, epoch

    def is_too_old(self, epoch: int) -> bool:
        return self.state is not None and epoch - self._epoch >= self._max_age


def _validate(vae: VAE, x: Tensor, epoch: int) -> float:
    """Mean elbo of the rows, always with the same noise."""
    if vae.device.type == "mps":  # it has no float64
        vae = copy.deepcopy(vae).cpu()
    try:
        return float(estimate_elbo(vae, x, num_samples=VALIDATION_SAMPLES, seed=0).elbo.mean())
    except OutOfRangeError as error:
        raise DivergedError(
            f"After epoch {epoch:,} validation row {error.row + 1:,} has no finite elbo; "
            "a smaller --learning-rate is needed, or a look at that row's values."
        ) from None


def _decay_groups(vae: VAE, weight_decay: float) -> list[dict[str, object]]:
    """Weight decay for the networks' matrices; all else has a meaning that zero would change.

    Biases, norms and scales, and a prior's means and pseudo-inputs, are not weights.
    """
    prior = {id(p) for p in vae.prior.parameters()}
    decayed = {id(p) for p in vae.parameters() if p.ndim > 1} - prior
    return [
        {"params": [p for p in vae.parameters() if id(p) in decayed], "weight_decay": weight_decay},
        {"params": [p for p in vae.parameters() if id(p) not in decayed], "weight_decay": 0.0},
    ]
