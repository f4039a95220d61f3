"""What a dense network computes once its weights are constants: the same function, sooner."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

# oneDNN multiplies float32 matrices twice as fast as what `F.linear` calls, and in float32 whatever
# the processor has for bfloat16. But for each number of rows it compiles a kernel, of 0.7 MB in
# 0.7 ms, so it is shown these numbers of rows only.
BLOCKS = (256, 64)
# What is left of them is filled up with zeros, or multiplied as ever if it is less than this.
_WORTH_FILLING = 32

_HAS_ONEDNN = torch.backends.mkldnn.is_available()

_Linear = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class FrozenLayer:
    """Linear -> LayerNorm -> SiLU, added to its input if `residual`."""

    linear: nn.Linear
    norm: nn.LayerNorm
    residual: bool


class FrozenNetwork:
    """Layers, then a linear map, for where no gradients are wanted.

    No module is called, which would take as long as the arithmetic of a row, and what nobody else
    holds is overwritten.

    Args:
        layers: The hidden layers.
        output: The linear map at the end.
    """

    def __init__(self, layers: Sequence[FrozenLayer], output: nn.Linear) -> None:
        self._layers = [
            (
                (layer.linear.weight, layer.linear.bias),
                (layer.norm.normalized_shape, layer.norm.weight, layer.norm.bias, layer.norm.eps),
                layer.residual,
            )
            for layer in layers
        ]
        self._output = (output.weight, output.bias)

    def __call__(self, x: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        """The network's outputs."""
        if x.ndim == 2 and x.shape[0] < _WORTH_FILLING:
            return self._of_block(x)
        flat = x.reshape(-1, x.shape[-1])
        parts = [self._of_block(block) for block in _blocks(flat)]
        y = parts[0] if len(parts) == 1 else torch.cat(parts)
        return y.reshape(*x.shape[:-1], y.shape[-1])

    def _of_block(self, x: Float[Tensor, "n inputs"]) -> Float[Tensor, "n outputs"]:
        rows = x.shape[0]
        linear: _Linear = F.linear
        if rows >= _WORTH_FILLING and _HAS_ONEDNN and x.device.type == "cpu":
            linear = _onednn_linear
            if rows not in BLOCKS:
                x = F.pad(x, (0, 0, 0, BLOCKS[-1] - rows))
        for weights, norm, residual in self._layers:
            y = F.silu(torch.layer_norm(linear(x, *weights), *norm), inplace=True)
            x = y.add_(x) if residual else y
        y = linear(x, *self._output)
        return y if y.shape[0] == rows else y[:rows]


def _blocks(x: Float[Tensor, "n inputs"]) -> Iterator[Float[Tensor, "m inputs"]]:
    """The rows, as many at a time as there are kernels for."""
    start = 0
    for size in BLOCKS:
        while x.shape[0] - start >= size:
            yield x[start : start + size]
            start += size
    if start < x.shape[0] or start == 0:
        yield x[start:]


def _onednn_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    y: Tensor = torch.ops.mkldnn._linear_pointwise.default(x, weight, bias, "none", [], "")
    return y
