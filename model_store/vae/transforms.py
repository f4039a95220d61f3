"""Data units to model units, with log|det J|, so that densities are in the user's units."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model_store.vae.likelihoods import Likelihood, with_log_columns


class Transform(nn.Module):
    """y = (f(x) - shift) / scale for each feature, f(x) being x, or log(x + offset).

    Shift 0 and scale 1 leave a feature as it is. Constants and arithmetic are float64: a column of
    timestamps keeps its digits. Only the result, which is of order one, is rounded to float32. The
    constants stay on the CPU wherever the model goes: rows arrive there, and not every accelerator
    knows float64. NaN, a missing value, stays NaN.

    Args:
        shift: Per feature, in the unit of f(x), shape (features,).
        scale: Per feature, in the unit of f(x), positive, shape (features,).
        log_columns: Flat indices of the features whose logarithm is taken.
        offset: Per feature, in data units, and looked at for `log_columns` only; None for zeros,
            which take no room in a checkpoint.
    """

    shift: Tensor
    scale: Tensor
    offset: Tensor | None

    def __init__(
        self,
        shift: Float[Tensor, " features"],
        scale: Float[Tensor, " features"],
        *,
        log_columns: Sequence[int] = (),
        offset: Float[Tensor, " features"] | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("shift", shift.double())
        self.register_buffer("scale", scale.double())
        self.register_buffer("offset", None if offset is None else offset.double())
        self.log_columns = list(log_columns)
        self.is_identity = False
        self._log_slope: Tensor | None = None

    def freeze(self) -> None:
        """Look now at what else would be looked at for every row: the constants will not change."""
        moved = bool((self.shift != 0).any()) or bool((self.scale != 1).any())
        self.is_identity = not (moved or self.log_columns)
        self._log_slope = -self.scale.log()

    def _apply(self, *_: object, **__: object) -> "Transform":
        """Moves nothing; see above."""
        return self

    def forward(self, x: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch features"]:
        """Model units, float32."""
        return self.exact(x).float()

    def exact(self, x: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch features"]:
        """Model units, float64; not finite where a logarithm is not.

        As they came where nothing changes.
        """
        if self.is_identity:
            return x
        values = x.double()
        if self.log_columns:
            values = values.clone()
            values[..., self.log_columns] = self._logarithms(values)
        return (values - self.shift) / self.scale

    def interval(
        self, x: Float[Tensor, "rows features"], half: Float[Tensor, " features"]
    ) -> tuple[Float[Tensor, "rows features"], Float[Tensor, "rows features"]]:
        """The ends of x - half ... x + half in model units, float64; infinite where there are none.

        Each is y and a distance from it, which keeps its digits where those of x + half have none
        left: of a timestamp in seconds they end at 2e-7.
        """
        y, below, above = self.exact(x), -half / self.scale, half / self.scale
        if self.log_columns:
            columns = self.log_columns
            relative = half[columns] / (x.double() + self.offsets)[..., columns]
            below, above = below.repeat(len(x), 1), above.repeat(len(x), 1)
            below[:, columns] = (-relative).log1p() / self.scale[columns]
            above[:, columns] = relative.log1p() / self.scale[columns]
        # Where a logarithm ends there is nothing below; what a gap becomes is never looked at.
        low, high = ((y + end).nan_to_num(-math.inf, math.inf, -math.inf) for end in (below, above))
        return low, high

    def inverse(self, y: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch features"]:
        """Data units, float64."""
        values = self.shift + self.scale * y.double()
        if self.log_columns:
            columns = self.log_columns
            values[..., columns] = values[..., columns].exp() - self.offsets[columns]
        return values

    def log_abs_det(self, x: Float[Tensor, "rows features"]) -> Float[Tensor, "*#rows features"]:
        """Log |dy/dx| in nats: log p_x(x) = log p_y(y) + log |dy/dx|.

        Shape (features,) where no logarithm is taken, since it is the same for every row.
        """
        log_slope = -self.scale.log() if self._log_slope is None else self._log_slope
        if not self.log_columns:
            return log_slope
        log_slope = log_slope.repeat(*x.shape[:-1], 1)
        log_slope[..., self.log_columns] -= self._logarithms(x.double())
        return log_slope

    def law_of_x(self, law_of_y: Likelihood) -> Likelihood:
        """The law of x, in data units, where y has the given law."""
        device = law_of_y.center.device
        moved = law_of_y.affine(self.shift.to(device), self.scale.to(device))
        return with_log_columns(moved, self.log_columns, self.offsets.to(device))

    @property
    def offsets(self) -> Float[Tensor, " features"]:
        """What is added to each feature before its logarithm is taken, float64."""
        return torch.zeros_like(self.shift) if self.offset is None else self.offset

    def _logarithms(self, x: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch columns"]:
        columns = self.log_columns
        return (x[..., columns] + self.offsets[columns]).log()
