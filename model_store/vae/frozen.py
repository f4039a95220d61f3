"""What a dense network computes once its weights are constants: the same function, sooner."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

# oneDNN multiplies float32 matrices twice as fast as what `F.linear` calls, and in float32 whatever
# the processor has for bfloat16. But for each number of rows it compiles a kernel, of 0.7 MB in
# 0.7 ms, so it is shown these numbers of rows only: what is left is filled up with zeros if it is
# two thirds of one. Fewer rows than that are multiplied as ever, which is quicker for so few.
BLOCKS = (256, 64, 32)

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
        flat = x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
        blocks = _blocks(flat.shape[0])
        if len(blocks) == 1:
            y = self._of_block(flat, blocks[0].size)
        else:
            parts = zip(flat.split_with_sizes([b.rows for b in blocks]), blocks, strict=True)
            y = torch.cat([self._of_block(part, block.size) for part, block in parts])
        return y if x.ndim == 2 else y.reshape(*x.shape[:-1], y.shape[-1])

    def _of_block(self, x: Float[Tensor, "n inputs"], size: int) -> Float[Tensor, "n outputs"]:
        rows = x.shape[0]
        linear: _Linear = F.linear
        if size and _HAS_ONEDNN and x.device.type == "cpu":
            linear = _onednn_linear
            if rows < size:
                x = F.pad(x, (0, 0, 0, size - rows))
        for weights, norm, residual in self._layers:
            y = F.silu(torch.layer_norm(linear(x, *weights), *norm), inplace=True)
            x = y.add_(x) if residual else y
        y = linear(x, *self._output)
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


def _onednn_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    y: Tensor = torch.ops.mkldnn._linear_pointwise.default(x, weight, bias, "none", [], "")
    return y
