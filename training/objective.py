"""What a training step maximises: the elbo of a batch, its KL term weighted."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model_store.vae.likelihoods import GaussianHead, GaussianLikelihood
from model_store.vae.model import VAE
from model_store.vae.posteriors import Posterior
from model_store.vae.rows import Rows


@dataclass(frozen=True, eq=False)
class Terms:
    """The two terms of the elbo of each row, in nats.

    Shapes (rows,) and (rows, latents), or (rows, 1) where the KL is estimated from a draw.
    """

    reconstruction: Tensor
    kl_divergence: Tensor

    def objective(self, *, kl_weight: float, free_bits: float) -> Tensor:
        """Mean over rows of reconstruction - weight * KL.

        With free bits a latent's mean KL costs nothing below that many nats (Kingma et al., 2016,
        arXiv:1606.04934).
        """
        kl = self.kl_divergence.mean(dim=0)
        if free_bits:
            kl = kl.clamp(min=free_bits)
        return self.reconstruction.mean() - kl_weight * kl.sum()

    def elbo(self) -> float:
        """Sum of the rows' elbos."""
        terms = self.reconstruction.detach() - self.kl_divergence.detach().sum(dim=-1)
        return float(terms.sum())


class Objective:
    """The elbo of a batch, by one reparametrised draw, or without noise where there is a formula.

    Args:
        vae: The model in training.
        input_dropout: Share of what the encoder sees that is dropped, so that few rows do not get
            a code of their own.
        missing_rate: Share of each batch's values that is hidden, from the encoder and from the
            score, so that the encoder learns to answer for rows with gaps.
        generator: Of noise and dropout, on the model's device.
    """

    def __init__(
        self,
        vae: VAE,
        *,
        input_dropout: float,
        missing_rate: float = 0.0,
        generator: torch.Generator,
    ) -> None:
        self._vae = vae
        self._dropout = input_dropout
        self._missing_rate = missing_rate
        self._generator = generator
        self._in_closed_form = has_closed_form(vae)

    def __call__(self, rows: Rows) -> Terms:
        """The terms for a batch."""
        rows = self._hide(rows)
        posterior = self._vae.encoder.posterior(self._drop(self._vae.embed(rows)), rows)
        law = self._vae.prior_law()
        kl = law.kl_divergence(posterior)
        if kl is not None and self._in_closed_form:
            return Terms(self._expected(rows, posterior), kl)
        z = posterior.sample_each(self._normal(posterior.loc))
        if kl is None:
            # The entropy is known: what is left to draw has less noise than log q - log p.
            kl = (-posterior.entropy - law.log_prob(z)).unsqueeze(-1).to(z)
        if self._in_closed_form:
            return Terms(self._expected(rows, posterior), kl)
        return Terms(self._sampled(rows, z), kl)

    def _sampled(self, rows: Rows, z: Tensor) -> Tensor:
        return self._vae.log_prob(rows, z.unsqueeze(0)).squeeze(0).sum(dim=-1)

    def _expected(self, rows: Rows, posterior: Posterior) -> Tensor:
        """E_q log N(y; Wz + b, s^2): the density at the mean less the variance of Wz, exactly."""
        likelihood = self._vae.likelihood(posterior.loc)
        if not isinstance(likelihood, GaussianLikelihood):
            raise TypeError("Only a Gaussian expects its squared error in closed form.")
        variance = posterior.variance_along(self._vae.decoder.output.weight)
        at_mean = self._vae.log_prob(rows, posterior.loc.unsqueeze(0)).squeeze(0)
        penalty = 0.5 * variance * torch.exp(-2 * likelihood.log_scale)
        return (at_mean - rows.of_observed(penalty)).sum(dim=-1)

    def _hide(self, rows: Rows) -> Rows:
        """The rows with more features missing: each row its own share, about the rate.

        So nearly complete rows and rows with large gaps are both trained on, and what is scored of
        a row is what its encoder sees: q is fitted to p(z | x_o), whose bound is on log p(x_o).
        """
        if self._missing_rate == 0:
            return rows
        least, most = max(0.0, 2 * self._missing_rate - 1), min(1.0, 2 * self._missing_rate)
        shares = least + (most - least) * self._uniform(rows.y[:, :1])
        return rows.hide(self._uniform(rows.y) < shares)

    def _drop(self, inputs: Tensor) -> Tensor:
        if self._dropout == 0:
            return inputs
        return inputs * (self._uniform(inputs) >= self._dropout) / (1 - self._dropout)

    def _uniform(self, like: Tensor) -> Tensor:
        return torch.rand(like.shape, generator=self._generator, device=like.device)

    def _normal(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self._generator, device=like.device)


def has_closed_form(vae: VAE) -> bool:
    """Whether E_q log p(x | z) needs no draws: a linear decoder and a scale that ignores z."""
    is_linear = isinstance(vae.decoder.blocks, nn.Sequential) and len(vae.decoder.blocks) == 0
    return is_linear and isinstance(vae.head, GaussianHead) and vae.head.scale != "predicted"
