"""Results that were computed piece by piece, put together."""

from collections.abc import Sequence

import torch
from torch import Tensor


def whole(pieces: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The pieces one after another on an axis; a single one as it is, and not a copy."""
    return pieces[0] if len(pieces) == 1 else torch.cat(list(pieces), dim)
