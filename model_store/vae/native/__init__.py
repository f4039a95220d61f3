"""Arithmetic compiled from C, if there was a compiler: the same numbers, in one look at the memory.

A call of torch takes longer than what it computes of a row, and of many rows several calls are as
many times through the memory. What is here is one call each. It is for CPUs, for float32 and for
where no gradients are wanted; whoever asks looks at `fits` first and has torch's way as well.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

try:
    from model_store.vae.native import _kernels
except ImportError:  # it was installed without a compiler
    _kernels = None  # type: ignore[assignment]

IS_COMPILED = _kernels is not None

# Of more rows the products of matrices are most of the work, and MKL and oneDNN are better at them;
# with AVX-512 only where they have several threads.
FEW_ROWS = {"avx512": 32, "avx2": 32, "any": 8}

# These have one thread; of more numbers than that torch's are as quick with several.
_MOST_THREADS, _MANY = 4, 2**15


def takes(rows: int) -> bool:
    """Whether so many rows go through `DenseLayers` sooner than through torch's products."""
    if _kernels is None:
        return False
    processor = _kernels.PROCESSORS[0]
    return rows <= FEW_ROWS[processor] or (processor == "avx512" and torch.get_num_threads() == 1)


class Layer(NamedTuple):
    """Linear -> LayerNorm -> SiLU, added to its input if `residual`; without a norm just linear.

    Args:
        weight: (outputs, inputs).
        bias: (outputs,).
        scale: The norm's factors, (outputs,).
        shift: What the norm adds, (outputs,).
        eps: What the norm adds to variances.
        residual: Whether it is added to its input.
    """

    weight: Tensor
    bias: Tensor
    scale: Tensor | None = None
    shift: Tensor | None = None
    eps: float = 0.0
    residual: bool = False

    @property
    def as_arrays(
        self,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None, float, bool]:
        """What the compiled network takes."""
        scale = None if self.scale is None else self.scale.numpy()
        shift = None if self.shift is None else self.shift.numpy()
        return self.weight.numpy(), self.bias.numpy(), scale, shift, self.eps, self.residual


class DenseLayers:
    """A dense network, for as many rows as `takes` says.

    Args:
        layers: The last of them without a norm; their tensors, which fit, are copied.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._width = layers[-1].weight.shape[0]
        self.network = _kernels.Network([each.as_arrays for each in layers])

    def __call__(self, x: Float[Tensor, "n inputs"]) -> Float[Tensor, "n outputs"]:
        """The network's outputs; x fits."""
        y = np.empty((x.shape[0], self._width), np.float32)
        _kernels.forward(self.network, x.numpy(), y)
        return torch.from_numpy(y)

    def weigh(
        self,
        encoder: "DenseLayers",
        x: Float[Tensor, "rows features"],
        noise: Float[Tensor, "k latents"],
        log_scales: tuple[float, float],
    ) -> tuple[np.ndarray, np.ndarray]:
        """The log weights (k, rows) of draws from q(z | x), and KL(q(z | x) || p(z)) of each row.

        A log weight is log p(x | z) + log p(z) - log q(z | x), with this network's outputs for the
        logits of x, p(z) = N(0, I), and a diagonal Gaussian for q(z | x). All are in nats.

        Args:
            encoder: Answers with the mean of each latent, then the log of each scale.
            x: Zeros and ones; it fits, as does the noise.
            noise: Standard normal.
            log_scales: Between which two the log of a scale is brought.
        """
        log_weights, kl = np.empty((noise.shape[0], x.shape[0])), np.empty(x.shape[0])
        _kernels.weigh(
            encoder.network,
            self.network,
            x.numpy(),
            noise.numpy(),
            log_weights,
            kl,
            *log_scales,
        )
        return log_weights, kl


def compiled(layers: Sequence[Layer]) -> DenseLayers | None:
    """The network of these layers, if it can be had."""
    tensors = [each for layer in layers for each in layer[:4] if each is not None]
    return (
        DenseLayers(layers) if _kernels is not None and _are_plain(tensors, torch.float32) else None
    )


def fits(*values: Tensor, dtype: torch.dtype = torch.float32) -> bool:
    """Whether these can be computed with here, now, and sooner than by torch."""
    if _kernels is None or not _are_plain(values, dtype):
        return False
    return values[0].numel() <= _MANY or torch.get_num_threads() <= _MOST_THREADS


def _are_plain(values: Sequence[Tensor], dtype: torch.dtype) -> bool:
    for v in values:
        if v.dtype != dtype or not v.is_cpu or v.requires_grad or not v.is_contiguous():
            return False
    return True


def norm_silu_(
    y: Float[Tensor, "n outputs"],
    scale: Float[Tensor, " outputs"],
    shift: Float[Tensor, " outputs"],
    eps: float,
    residual: Float[Tensor, "n outputs"] | None,
) -> None:
    """Puts SiLU(LayerNorm(y)) + residual in the place of y; all of them fit."""
    other = None if residual is None else residual.numpy()
    _kernels.norm_silu(y.numpy(), scale.numpy(), shift.numpy(), other, eps)


def draw(
    q: Float[Tensor, "rows two_latents"],
    noise: Float[Tensor, "k latents"],
    log_scales: tuple[float, float],
) -> tuple[Float[Tensor, "k rows latents"], np.ndarray, np.ndarray]:
    """Draws of latents from diagonal Gaussians q(z | x), and what they come to.

    Args:
        q: Of each row the means, then the logs of the scales; it fits, as does the noise.
        noise: Standard normal.
        log_scales: Between which two the log of a scale is brought.

    Returns:
        The draws; of each log p(z) - log q(z | x), (k, rows), p(z) being N(0, I); and of each row
        KL(q(z | x) || p(z)); in nats and float64.
    """
    samples, latents = noise.shape
    z = np.empty((samples, q.shape[0], latents), np.float32)
    log_ratio, kl = np.empty(z.shape[:2]), np.empty(q.shape[0])
    _kernels.draw(q.numpy(), noise.numpy(), z, log_ratio, kl, *log_scales)
    return torch.from_numpy(z), log_ratio, kl


def bernoulli_log_prob(
    logits: Float[Tensor, "*batch features"], x: Float[Tensor, "*rows features"]
) -> Float[Tensor, "*batch"]:
    """Log p(x | logits) of zeros and ones, in nats and float64; the last axes of both are alike.

    From log(1 + e^a) = max(a, 0) + log(1 + e^-|a|); the second terms are one log of a product.
    """
    log_prob = np.empty(logits.shape[:-1])
    _kernels.bernoulli_log_prob(logits.numpy(), x.numpy(), log_prob)
    return torch.from_numpy(log_prob)


def are_binary(x: Float[Tensor, "*batch"]) -> bool:
    """Whether all of them are 0 or 1; x fits."""
    return _kernels.are_binary(x.numpy(), None)


def as_binary(x: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"] | None:
    """Zeros and ones in float32; None if there is anything else. x fits in float64."""
    narrow = np.empty(x.shape, np.float32)
    return torch.from_numpy(narrow) if _kernels.are_binary(x.numpy(), narrow) else None
