"""What a dense network computes once its weights are constants: the same function, sooner."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from model_store.vae import native

# oneDNN multiplies float32 matrices twice as fast as MKL on a processor that is not Intel's, and in
# float32 whatever it has for bfloat16. But for each number of rows it compiles a kernel, of 0.7 MB
# in 0.7 ms, so it is shown these numbers of rows only: what is left is filled up with zeros if it
# is two thirds of one. Fewer rows than that are multiplied as ever, which is quicker for so few.
BLOCKS = (256, 64, 32)

# MKL on an Intel processor takes two thirds of the time for eight rows, and nine tenths for 64, if
# the weights lie the way it reads them. That is a copy, which workers do not share, so of a network
# larger than this (8 MiB) none is made.
COPIED_BYTES = 2**23

_HAS_ONEDNN = torch.backends.mkldnn.is_available()

_Linear = Callable[[Tensor, Tensor, Tensor], Tensor]


class LinearMap(NamedTuple):
    """Weights, shape (outputs, inputs), and a bias."""

    weight: Tensor
    bias: Tensor

    def after(self, scale: float, shift: float, width: int) -> "LinearMap":
        """The map of y that this is of scale * y + shift, y being so wide, and of ones behind."""
        values, ones = self.weight.double().tensor_split((width,), dim=1)
        bias = self.bias.double() + shift * values.sum(dim=1) + ones.sum(dim=1)
        return LinearMap((scale * values).to(self.weight), bias.to(self.bias))

    def before(self, factors: Float[Tensor, " outputs"]) -> "LinearMap":
        """The map to so many times its outputs."""
        factors = factors.to(self.bias)
        return LinearMap(self.weight * factors.unsqueeze(1), self.bias * factors)


@dataclass(frozen=True, eq=False)
class FrozenLayer:
    """Linear -> LayerNorm -> SiLU, added to its input if `residual`."""

    linear: LinearMap
    norm: nn.LayerNorm
    residual: bool


class _Norm(NamedTuple):
    """A LayerNorm's factors, what it adds, and what it adds to variances."""

    scale: Tensor
    shift: Tensor
    eps: float

    @classmethod
    def of(cls, norm: nn.LayerNorm) -> "_Norm":
        """That of a module."""
        return cls(norm.weight.detach(), norm.bias.detach(), norm.eps)

    def silu_(
        self, y: Float[Tensor, "n outputs"], residual: Float[Tensor, "n outputs"] | None
    ) -> Float[Tensor, "n outputs"]:
        """SiLU(LayerNorm(y)) + residual, which may be in the place of y."""
        if native.fits(y) and (residual is None or native.fits(residual)):
            native.norm_silu_(y, *self, residual)
            return y
        y = torch.layer_norm(y, self.scale.shape, self.scale, self.shift, self.eps)
        y = F.silu(y, inplace=True)
        return y if residual is None else y.add_(residual)


def are_small(maps: Sequence[LinearMap]) -> bool:
    """Whether the weights of a network may be copied."""
    return sum(each.weight.nbytes for each in maps) <= COPIED_BYTES


class FrozenNetwork(ABC):
    """Layers, then a linear map, for where no gradients are wanted.

    No module is called, which would take as long as the arithmetic of a row, and what nobody else
    holds is overwritten. A subclass is a way to multiply by the weights where that is not compiled.

    Args:
        layers: The hidden layers.
        output: The linear map at the end.
    """

    def __init__(self, layers: Sequence[FrozenLayer], output: LinearMap) -> None:
        self._linears = [*(layer.linear for layer in layers), output]
        self._norms = [(_Norm.of(layer.norm), layer.residual) for layer in layers]
        # In the place of torch's products, where that can be had.
        self.compiled: native.DenseLayers | None = None
        if are_small(self._linears):
            *hidden, last = self._linears
            compiled = [
                native.Layer(weight, bias, norm.scale, norm.shift, norm.eps, residual)
                for (weight, bias), (norm, residual) in zip(hidden, self._norms, strict=True)
            ]
            self.compiled = native.compiled([*compiled, native.Layer(*last)])

    def __call__(self, x: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        """The network's outputs."""
        rows = x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
        whole = rows.contiguous()
        if self.compiled is not None and native.takes(rows.shape[0]) and native.fits(whole):
            y = self.compiled(whole)
        else:
            y = self._of_rows(rows)
        return y if x.ndim == 2 else y.view(*x.shape[:-1], y.shape[-1])

    @cached_property
    def _weights(self) -> list[LinearMap]:
        """The weights as torch's products take them, made on first use."""
        return self._prepared(self._linears)

    @abstractmethod
    def _prepared(self, linears: Sequence[LinearMap]) -> list[LinearMap]:
        """The weights of each map as its products take them, and its bias."""

    @abstractmethod
    def _of_rows(self, x: Float[Tensor, "n inputs"]) -> Float[Tensor, "n outputs"]:
        """The network's outputs."""

    def _through(self, x: Float[Tensor, "n inputs"], linear: _Linear) -> Float[Tensor, "n outputs"]:
        """The network's outputs, by these products."""
        *hidden, last = self._weights
        for weights, (norm, residual) in zip(hidden, self._norms, strict=True):
            x = norm.silu_(linear(x, *weights), x if residual else None)
        return linear(x, *last)


class TransposedNetwork(FrozenNetwork):
    """Any number of rows at once, from weights that lie the other way round."""

    def _prepared(self, linears: Sequence[LinearMap]) -> list[LinearMap]:
        weights = [linear.weight.t() for linear in linears]
        if are_small(linears):
            weights = [weight.contiguous() for weight in weights]
        # As a row: torch need not make it one for a single row.
        biases = [linear.bias.unsqueeze(0) for linear in linears]
        return [LinearMap(*each) for each in zip(weights, biases, strict=True)]

    def _of_rows(self, x: Float[Tensor, "n inputs"]) -> Float[Tensor, "n outputs"]:
        return self._through(x, _transposed_linear)


class BlockedNetwork(FrozenNetwork):
    """Rows in blocks of which oneDNN has seen the like, from the weights as they are."""

    def _prepared(self, linears: Sequence[LinearMap]) -> list[LinearMap]:
        return list(linears)

    def _of_rows(self, x: Float[Tensor, "n inputs"]) -> Float[Tensor, "n outputs"]:
        blocks = _blocks(x.shape[0])
        if len(blocks) == 1:
            return self._of_block(x, blocks[0].size)
        parts = zip(x.split_with_sizes([b.rows for b in blocks]), blocks, strict=True)
        return torch.cat([self._of_block(part, block.size) for part, block in parts])

    def _of_block(self, x: Float[Tensor, "n inputs"], size: int) -> Float[Tensor, "n outputs"]:
        rows = x.shape[0]
        if not (size and _HAS_ONEDNN and x.device.type == "cpu"):
            return self._through(x, F.linear)
        if rows < size:
            x = F.pad(x, (0, 0, 0, size - rows))
        y = self._through(x, _onednn_linear)
        return y if y.shape[0] == rows else y[:rows]


class _Block(NamedTuple):
    """So many rows, and the number of them that their kernel takes; 0 if there is none."""

    rows: int
    size: int


@lru_cache(maxsize=4_096)
def _blocks(rows: int) -> tuple[_Block, ...]:
    """How so many rows are cut: the large blocks first."""
    blocks = []
    for size in BLOCKS:
        while 3 * rows >= 2 * size:
            blocks.append(_Block(min(rows, size), size))
            rows -= blocks[-1].rows
    if rows > 0 or not blocks:
        blocks.append(_Block(rows, 0))
    return tuple(blocks)


def _transposed_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.addmm(bias, x, weight)


def _onednn_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    y: Tensor = torch.ops.mkldnn._linear_pointwise.default(x, weight, bias, "none", [], "")
    return y


def _is_intel() -> bool:
    """Whether the processor says so; torch tells since 2.13."""
    tell: Callable[[], dict[str, object]] = getattr(torch.cpu, "get_capabilities", dict)
    return str(tell().get("cpu_name", "")).startswith("Intel")


FASTEST: type[FrozenNetwork] = (
    TransposedNetwork if _is_intel() and torch.backends.mkl.is_available() else BlockedNetwork
)
"""The quickest on this processor; the other one differs by rounding only."""
