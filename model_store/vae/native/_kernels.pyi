"""What kernels.c offers; the arrays and their shapes are those of its caller, __init__.py."""

from numpy import float32, float64
from numpy.typing import NDArray

_Floats = NDArray[float32]
_Doubles = NDArray[float64]
_Layer = tuple[_Floats, _Floats, _Floats | None, _Floats | None, float, bool]

# Kinds of processors of which this is one, the best first.
PROCESSORS: tuple[str, ...]

class Network:
    def __new__(cls, layers: list[_Layer]) -> Network: ...

def norm_silu(
    y: _Floats, scale: _Floats, shift: _Floats, residual: _Floats | None, eps: float, /
) -> None: ...
def bernoulli_log_prob(logits: _Floats, x: _Floats, log_prob: _Doubles, /) -> None: ...
def are_binary(values: _Floats | _Doubles, narrow: _Floats | None, /) -> bool: ...
def forward(network: Network, x: _Floats, y: _Floats, /) -> None: ...
def draw(
    q: _Floats,
    noise: _Floats,
    z: _Floats,
    log_ratio: _Doubles,
    kl: _Doubles,
    lowest: float,
    highest: float,
    /,
) -> None: ...
def weigh(
    encoder: Network,
    decoder: Network,
    x: _Floats,
    noise: _Floats,
    log_weights: _Doubles,
    kl: _Doubles,
    lowest: float,
    highest: float,
    /,
) -> None: ...
def compute_for(processor: str, /) -> None: ...
