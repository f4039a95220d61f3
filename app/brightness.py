"""From a feature's values to the brightness of a pixel: what is black, and what is white."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from model_store.schema import Feature
from model_store.vae.model import VAE
from model_store.vae.noise import Noise

_DRAWS, _MOST_DRAWN_NUMBERS = 64, 2**20
# A few odd pixels must not take the contrast from all others.
_TAIL_PERCENT = 1


@dataclass(frozen=True, eq=False)
class Brightness:
    """The ends of the scale of each feature, in data units.

    Args:
        black: Value shown as 0, shape (features,).
        white: Value shown as 255, greater than that of black, shape (features,).
    """

    black: np.ndarray
    white: np.ndarray

    @classmethod
    def of(cls, features: Sequence[Feature], vae: VAE) -> "Brightness":
        """The ends that a feature has by its kind; of all that have none, the model's own."""
        ends = [_ends(feature, i, vae) for i, feature in enumerate(features)]
        typical = _typical_ends(vae, [e is None for e in ends]) if None in ends else (0.0, 1.0)
        black, white = np.array([typical if e is None else e for e in ends]).T
        return cls(black, white)

    def bytes_of(self, values: np.ndarray) -> np.ndarray:
        """Rows (n, features) from 0 to 255; what lies beyond an end is as bright as the end."""
        shown: np.ndarray = (values - self.black) / (self.white - self.black)
        return (shown.clip(0, 1) * 255).round().astype(np.uint8, copy=False)


def _ends(feature: Feature, index: int, vae: VAE) -> tuple[float, float] | None:
    if feature.count is not None:
        return 0.0, max(1.0, feature.count - 1.0)
    if feature.kind in {"binary", "unit_interval"}:
        return 0.0, 1.0
    if feature.transform == "affine":
        # Onto [0, 1], outside of which the model knows no values.
        shift = float(vae.transform.shift[index])
        return shift, shift + float(vae.transform.scale[index])
    return None


@torch.inference_mode()
def _typical_ends(vae: VAE, wanted: Sequence[bool]) -> tuple[float, float]:
    """What nearly all pixels lie between in images drawn from the model."""
    draws = max(1, min(_DRAWS, _MOST_DRAWN_NUMBERS // vae.widest))
    noise = Noise(0)
    latents = vae.prior_law().sample(
        noise.normal(0, draws, vae.latent_dim).to(vae.device),
        noise.component(0, draws).to(vae.device),
        temperature=1.0,
    )
    uniforms = noise.uniform(0, draws, vae.num_features).to(vae.device)
    images = vae.data_likelihood(latents).sample(uniforms).double().cpu().numpy()
    values = images[:, np.array(wanted)]
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(finite, [_TAIL_PERCENT, 100 - _TAIL_PERCENT]).tolist()
    return low, high if high > low else low + max(1.0, abs(low))
