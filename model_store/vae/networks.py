"""Encoders and decoders: dense networks with a linear last layer."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model_store.vae import frozen
from model_store.vae.frozen import FrozenLayer, FrozenNetwork, LinearMap


class DenseBlock(nn.Module):
    """Linear -> LayerNorm -> SiLU, added to its input where the widths agree.

    LayerNorm and not batch norm: a row's score must not depend on its neighbours.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.norm = nn.LayerNorm(outputs)
        self.residual = inputs == outputs

    def forward(self, x: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        """One layer's activations."""
        y: Tensor = nn.functional.silu(self.norm(self.linear(x)))
        return x + y if self.residual else y


class DenseNetwork(nn.Module):
    """Blocks of the given hidden widths, then a linear map; without hidden layers, just the map."""

    def __init__(self, inputs: int, hidden_sizes: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.inputs = inputs
        widths = [inputs, *hidden_sizes]
        self.blocks = nn.Sequential(*(DenseBlock(a, b) for a, b in pairwise(widths)))
        self.output = nn.Linear(widths[-1], outputs)
        self.widest = max(*widths, outputs)
        self._is_frozen = False
        self._frozen: FrozenNetwork | None = None

    def forward(self, x: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        """The network's outputs."""
        frozen_network = None if torch.is_grad_enabled() else self.frozen
        if frozen_network is not None:
            return frozen_network(x)
        y: Tensor = self.output(self.blocks(x))
        return y

    def freeze(self) -> None:
        """Be quicker from now on where no gradients are wanted: the weights will not change."""
        # Modules are found where Python looks first, and not after three failures.
        self.__dict__.update(self._modules)
        self._is_frozen, self._frozen = True, None

    @property
    def frozen(self) -> FrozenNetwork | None:
        """The quicker network; None where the weights may change."""
        if self._is_frozen and self._frozen is None:
            # On first use: who only ever asks a variant of it needs no copy of the weights.
            self._frozen = self.with_maps(self.maps)
        return self._frozen

    @property
    def maps(self) -> list[LinearMap]:
        """The linear maps of the layers, and the last one."""
        linears = [*(block.linear for block in self._blocks), self.output]
        return [LinearMap(linear.weight.detach(), linear.bias.detach()) for linear in linears]

    def with_maps(self, maps: Sequence[LinearMap]) -> FrozenNetwork:
        """The network with other linear maps, for where no gradients are wanted."""
        *hidden, output = maps
        pairs = zip(hidden, self._blocks, strict=True)
        layers = [FrozenLayer(linear, block.norm, block.residual) for linear, block in pairs]
        return frozen.FASTEST(layers, output)

    @property
    def _blocks(self) -> list[DenseBlock]:
        return [block for block in self.blocks if isinstance(block, DenseBlock)]

    def train(self, mode: bool = True) -> "DenseNetwork":
        """As every module's; the weights may change again."""
        self._is_frozen, self._frozen = False, None
        return super().train(mode)

    def _apply(self, *args: object, **kwargs: object) -> "DenseNetwork":
        """As every module's; what was made of the weights is made again where they went."""
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        if self._is_frozen:
            self.freeze()
        return self
