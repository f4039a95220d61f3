"""Data units to model units, with log|det J|, so that densities are in the user's units."""

from jaxtyping import Float
from torch import Tensor, nn


class AffineTransform(nn.Module):
    """y = (x - shift) / scale for each feature; shift 0 and scale 1 leave a feature as it is.

    Constants and arithmetic are float64: a column of timestamps keeps its digits. Only the result,
    which is of order one, is rounded to float32. The constants stay on the CPU wherever the model
    goes: rows arrive there, and not every accelerator knows float64.

    Args:
        shift: Per feature, in data units, shape (features,).
        scale: Per feature, in data units, positive, shape (features,).
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self, shift: Float[Tensor, " features"], scale: Float[Tensor, " features"]
    ) -> None:
        super().__init__()
        self.register_buffer("shift", shift.double())
        self.register_buffer("scale", scale.double())

    def _apply(self, *_: object, **__: object) -> "AffineTransform":
        """Moves nothing; see above."""
        return self

    def forward(self, x: Float[Tensor, "rows features"]) -> Float[Tensor, "rows features"]:
        """Model units, float32."""
        return ((x.double() - self.shift) / self.scale).float()

    def log_abs_det(self) -> Float[Tensor, " features"]:
        """Log |dy/dx| of each feature in nats: log p_x(x) = log p_y(y) + log |dy/dx|."""
        return -self.scale.log()
