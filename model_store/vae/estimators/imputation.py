"""Missing features of each row, as the model expects them given the observed ones."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.vae.chunks import finite_rows, rows_at_once, sample_ranges
from model_store.vae.estimators.log_likelihood import LogLikelihoodEstimate, joined, summarise
from model_store.vae.estimators.weights import proposal_of
from model_store.vae.likelihoods import Likelihood
from model_store.vae.model import VAE
from model_store.vae.noise import Noise
from model_store.vae.posteriors import Posterior
from model_store.vae.rows import Rows


@dataclass(frozen=True, eq=False)
class Imputation:
    """Rows without gaps, and how sure that is.

    Args:
        outputs: Observed features as they came, missing ones their posterior mean, or of unordered
            categories the most probable code; in data units.
        standard_deviation: Of each missing feature given the observed ones; 0 where observed, NaN
            where it has none: unordered categories, and Student's t with df of 2 or less.
        standard_error: Of `outputs`, over seeds; 0 where observed, NaN for unordered categories and
            with a single sample.
        evidence: The log-likelihood of the observed features, from the same samples.
        samples: Draws of the missing features given the observed ones, all features of a row
            together (multiple imputation).
    """

    outputs: Float[Tensor, "rows *event"]
    standard_deviation: Float[Tensor, "rows *event"]
    standard_error: Float[Tensor, "rows *event"]
    evidence: LogLikelihoodEstimate
    samples: Float[Tensor, "rows m *event"] | None


@torch.inference_mode()
def impute(
    vae: VAE,
    x: Float[Tensor, "rows *event"],
    *,
    num_samples: int,
    seed: int,
    num_imputations: int = 0,
    refine: int = 0,
) -> Imputation:
    """Missing features by self-normalised importance sampling (Mattei & Frellsen, 2019).

    p(x_m | x_o) is the mixture of p(x_m | z_k) over draws z_k from q(z | x_o), with weights
    proportional to p(x_o | z_k) p(z_k) / q(z_k | x_o) (arXiv:1812.02633). Its bias falls as
    1 / num_samples. Of a row with nothing observed the draws are those of the prior.

    Args:
        vae: The model.
        x: Rows in data units, NaN where a feature is missing.
        num_samples: Importance samples of each row.
        seed: Of the noise.
        num_imputations: Draws of the missing features; z is drawn from the weighted samples, so
            that many more of them than `effective_sample_size` repeat each other's z.
        refine: Steps to look for a better proposal than the encoder's in; see `refinement`.

    Raises:
        ShapeError, SupportError: x does not fit the model.
        OutOfRangeError: a row's log-likelihood or output is not finite.
    """
    rows = vae.to_model_units(x)
    proposal = proposal_of(vae, rows, refine_steps=refine, seed=seed)
    flat = x.flatten(1).double().to(vae.device)
    count = rows_at_once(vae, samples=num_samples)
    blocks = zip(rows.split(count), flat.split(count), proposal.split(count), strict=True)
    parts = [
        _of_block(WeightedDraws(vae, part, values, q, num_samples, seed), num_imputations)
        for part, values, q in blocks
    ]
    evidence = joined([part.evidence for part in parts])
    finite_rows(evidence.log_likelihood, "log-likelihood")
    outputs = finite_rows(torch.cat([part.outputs for part in parts]), "imputation")
    samples = [part.samples for part in parts if part.samples is not None]
    return Imputation(
        outputs=vae.to_event(outputs),
        standard_deviation=vae.to_event(torch.cat([part.standard_deviation for part in parts])),
        standard_error=vae.to_event(torch.cat([part.standard_error for part in parts])),
        evidence=evidence,
        samples=vae.to_event(finite_rows(torch.cat(samples), "samples")) if samples else None,
    )


def _of_block(block: "WeightedDraws", num_imputations: int) -> Imputation:
    """The block's part of the answer, its rows flat."""
    outputs, standard_deviation, standard_error = block.moments()
    samples = block.draws(num_imputations) if num_imputations else None
    return Imputation(outputs, standard_deviation, standard_error, block.evidence, samples)


class WeightedDraws:
    """Rows that are answered together: their draws of z, and weights that make them p(z | x_o)."""

    def __init__(
        self,
        vae: VAE,
        rows: Rows,
        x: Float[Tensor, "rows features"],
        proposal: Posterior,
        num_samples: int,
        seed: int,
    ) -> None:
        self._vae = vae
        self._x = x
        self._noise = Noise(seed)
        self._ranges = list(sample_ranges(vae, range(num_samples), rows=len(rows)))
        self._z, log_weights = self._weighted_draws(rows, proposal, num_samples)
        self.evidence = summarise(log_weights, vae, rows)
        self._weights = log_weights.softmax(dim=0)

    def moments(self) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs, standard deviations and standard errors of the mixture of p(x_m | z_k).

        All relative to the first draw's means: where a feature varies by much less than its size,
        squares of the size itself would leave no digit of the variance.
        """
        first = self._law(range(1))
        origin = first.center[0].double()
        expectation = torch.zeros_like(first.expectation[0], dtype=torch.float64)
        sums = torch.zeros(4, *origin.shape, dtype=torch.float64, device=origin.device)
        for part in self._ranges:
            law, weights = self._law(part), self._weights[part.start : part.stop]
            expectation += _averaged(weights, law.expectation.double())
            away, squared_weights = law.center.double() - origin, weights.square()
            sums[0] += _averaged(weights, away)
            sums[1] += _averaged(weights, away.square() + law.variance)
            sums[2] += _averaged(squared_weights, away)
            sums[3] += _averaged(squared_weights, away.square())
        mean, square, error_mean, error_square = sums
        error_weight = self._weights.square().sum(dim=0).unsqueeze(-1)
        variance = square - mean.square()
        # Sum of w^2 (f - mean)^2: the delta method for a ratio of averages.
        squared_error = error_square - 2 * mean * error_mean + mean.square() * error_weight
        return self._of_missing(first.center_of(expectation), variance, squared_error)

    def average(
        self, statistic: Callable[[Likelihood], Float[Tensor, "k rows n"]]
    ) -> Float[Tensor, "rows n"]:
        """What a statistic of p(x | z), in data units, is given the observed features."""
        parts = [
            _averaged(self._weights[part.start : part.stop], statistic(self._law(part)).double())
            for part in self._ranges
        ]
        return torch.stack(parts).sum(dim=0)

    def draws(self, count: int) -> Float[Tensor, "rows m features"]:
        """Rows with their gaps filled by draws of p(x_m | x_o): z by its weight, then x."""
        features = self._vae.num_features
        uniforms = self._noise.uniform(0, count, features + 1).to(self._vae.device)
        ends = self._weights.cumsum(dim=0).T.contiguous()
        chosen = torch.searchsorted(ends, uniforms[:, -1].expand(len(ends), -1).contiguous())
        chosen = chosen.clamp(max=ends.shape[1] - 1).T
        z = self._z[chosen, torch.arange(len(ends), device=chosen.device)]
        drawn = self._vae.data_likelihood(z).sample(uniforms[:, None, :features]).double()
        return torch.where(self._x.isnan(), drawn, self._x).transpose(0, 1)

    def _weighted_draws(
        self, rows: Rows, proposal: Posterior, num_samples: int
    ) -> tuple[Float[Tensor, "k rows latents"], Float[Tensor, "k rows"]]:
        """Draws of the proposal, where nothing is observed of p(z), and their log weights."""
        vae = self._vae
        noise = self._noise.normal(0, num_samples, vae.latent_dim).to(vae.device)
        z = proposal.sample(noise)
        parts = [z[part.start : part.stop] for part in self._ranges]
        log_weights = torch.cat(
            [vae.total_log_prob(rows, p) + vae.log_ratio(proposal, p) for p in parts]
        )
        if bool(rows.is_empty.any()):
            components = self._noise.component(0, num_samples).to(vae.device)
            from_prior = vae.prior_law().sample(noise, components, temperature=1.0)
            z = torch.where(rows.is_empty.unsqueeze(-1), from_prior.unsqueeze(1), z)
        return z, torch.where(rows.is_empty, 0.0, log_weights)

    def _of_missing(
        self, outputs: Tensor, variance: Tensor, squared_error: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The moments where a feature is missing; itself, 0 and 0 where it is there."""
        missing = self._x.isnan()
        # A difference of averages can end a rounding below zero.
        deviation, error = variance.clamp(min=0).sqrt(), squared_error.clamp(min=0).sqrt()
        no_mean = variance.isnan()
        no_error = no_mean | (len(self._z) == 1)
        return (
            torch.where(missing, outputs, self._x),
            deviation.masked_fill(no_mean | deviation.isinf(), torch.nan).where(missing, 0.0),
            error.masked_fill(no_error, torch.nan).where(missing, 0.0),
        )

    def _law(self, part: range) -> Likelihood:
        return self._vae.data_likelihood(self._z[part.start : part.stop])


def _averaged(
    weights: Float[Tensor, "k rows"], values: Float[Tensor, "k rows n"]
) -> Float[Tensor, "rows n"]:
    """Weighted sum over the samples."""
    return torch.einsum("kr,krn->rn", weights, values)
