"""Log weights by compiled code, of models all of whose parts it knows."""

import numpy as np

from model_store.vae import native
from model_store.vae.chunks import rows_at_once
from model_store.vae.model import VAE
from model_store.vae.noise import Noise
from model_store.vae.posteriors import LOG_SCALE_RANGE
from model_store.vae.priors import StandardNormalLaw
from model_store.vae.rows import Rows


def weigh(
    vae: VAE, rows: Rows, *, num_samples: int, seed: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """The log weights (k, rows), and KL(q(z | x) || p(z)) of each row, in nats and float64.

    None where torch has to find them. It takes frozen weights, complete rows of zeros and ones, no
    more samples than are one chunk, an encoder of diagonal Gaussians and N(0, I) as the prior.
    """
    if not vae.head.takes_logits or rows.observed is not None or rows.log_abs_det is not None:
        return None
    encoder, decoder, y = vae.encoder.gaussians_of_complete, vae.decoder.frozen, rows.y
    if encoder is None or decoder is None or not isinstance(vae.prior_law(), StandardNormalLaw):
        return None
    if num_samples > rows_at_once(vae) or not native.fits(y):
        return None
    noise = Noise(seed).normal(0, num_samples, vae.latent_dim)
    if encoder.compiled and decoder.compiled and native.takes(y.shape[0] * num_samples):
        return decoder.compiled.weigh(encoder.compiled, y, noise, LOG_SCALE_RANGE)
    if y.shape[0] > rows_at_once(vae, samples=num_samples):
        return None
    z, log_ratio, kl = native.draw(encoder(y), noise, LOG_SCALE_RANGE)
    log_weights = native.bernoulli_log_prob(decoder(z), y).numpy()
    log_weights += log_ratio
    return log_weights, kl
