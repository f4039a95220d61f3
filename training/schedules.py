"""Learning rate and KL weight as functions of the step."""

import math


def learning_rate(step: int, steps: int, *, peak: float, warmup: int) -> float:
    """Linear from 0 to `peak` over `warmup` steps, then half a cosine down to 0 at `steps`."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return 0.5 * peak * (1 + math.cos(math.pi * min(1.0, progress)))


def kl_weight(step: int, *, warmup: int) -> float:
    """Linear from 0 to 1 over `warmup` steps, then exactly 1.

    While the decoder knows nothing, the KL term would push every latent back to the prior, from
    where few return (Sonderby et al., 2016, arXiv:1602.02282).
    """
    return min(1.0, step / warmup) if warmup > 0 else 1.0


def averaging_decay(step: int, *, decay: float) -> float:
    """Decay of the weight average: `decay` once enough steps are behind it, less before."""
    return min(decay, (1 + step) / (10 + step))
