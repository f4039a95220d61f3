"""VAE: a posterior for every row, a likelihood for every latent, and the log weights between."""

import math
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from model_store.errors import ShapeError, SupportError
from model_store.vae.encoders import Encoder, NetworkEncoder, as_network
from model_store.vae.likelihoods import Likelihood, LikelihoodHead, Measure
from model_store.vae.networks import DenseNetwork
from model_store.vae.posteriors import Posterior
from model_store.vae.priors import Prior, PriorLaw
from model_store.vae.rows import Rows
from model_store.vae.sums import widest_float
from model_store.vae.transforms import Transform

# How many numbers are looked at at a time: in float64 and with what is computed of them they take a
# MiB, which stays in a cache.
EXACT_ELEMENTS = 2**16


class VAE(nn.Module):
    """p(x, z) = p(x | z) p(z) with an encoder for q(z | x).

    Rows x come in data units, shape (rows, *event_shape). Inside, a row is flat and in model units:
    y, shape (rows, features). Every log-probability is that of x, in data units; where features are
    missing, that of the observed ones, p(x_o | z) being the product over them.

    Args:
        encoder: From the head's embedding to posteriors.
        decoder: From latents to the head's outputs.
        head: Makes the likelihood of y.
        prior: p(z).
        transform: Data units to model units.
        event_shape: Shape of one row.
    """

    def __init__(
        self,
        *,
        encoder: Encoder,
        decoder: DenseNetwork,
        head: LikelihoodHead,
        prior: Prior,
        transform: Transform,
        event_shape: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.head = head
        self.prior = prior
        self.transform = transform
        self.event_shape = event_shape
        self._frozen_law: PriorLaw | None = None
        # Of frozen weights: to ask one of them takes as long as to check a row.
        self._device: torch.device | None = None
        self.num_features = math.prod(event_shape)
        self.latent_dim: int = decoder.inputs
        # What one (row, sample) pair costs in memory, for cutting work into chunks.
        self.widest = max(encoder.widest, decoder.widest, head.output_width)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._device or self.decoder.output.weight.device

    def to_model_units(self, x: Float[Tensor, "rows *event"]) -> Rows:
        """The rows in model units; NaN is a missing feature.

        Raises:
            ShapeError: x is not (rows, *event_shape).
            SupportError: a value lies outside its feature's support.
        """
        if x.shape[1:] != self.event_shape:
            raise ShapeError(
                f"inputs have shape {tuple(x.shape)}; this model takes (rows, "
                f"{', '.join(map(str, self.event_shape))})."
            )
        device, flat = self.device, x if x.ndim == 2 else x.flatten(1)
        y, observed = self._checked(flat)
        if observed is not None:
            y = torch.where(observed, y, 0.0)
            observed = observed.to(device)
        if self.transform.is_identity:
            return Rows(y.to(device), observed=observed)
        log_abs_det = self.transform.log_abs_det(flat).to(device, widest_float(device))
        return Rows(y.to(device), log_abs_det, observed)

    def as_intervals(
        self, rows: Rows, x: Float[Tensor, "rows *event"], resolution: Float[Tensor, " #features"]
    ) -> Rows:
        """The rows as the intervals x - resolution / 2 < X <= x + resolution / 2, in data units.

        Their log_prob is that of an interval where a feature is continuous. A discrete feature,
        whose value has a probability already, is left as it is.
        """
        half = (resolution.double() / 2).expand(self.num_features)
        low, high = self.transform.interval(x.flatten(1), half)
        ends = (low.to(self.device), high.to(self.device))
        return replace(rows, log_abs_det=None, ends=ends)

    def is_probability(self, rows: Rows) -> bool:
        """Whether p of such rows is a probability, which is never above 1."""
        return rows.ends is not None or self.head.measure == Measure.PROBABILITY

    def _checked(self, flat: Float[Tensor, "rows features"]) -> tuple[Tensor, Tensor | None]:
        """The rows in model units and float32, and which features are observed; None if all are.

        Raises:
            SupportError: a value that is there lies outside its feature's support.
        """
        step = max(1, EXACT_ELEMENTS // self.num_features)
        if flat.shape[0] <= step:
            exact = self.transform.exact(flat)
            allowed = self.head.support.narrowed(exact)
            complete = allowed is not None
            y = exact.float() if allowed is None else allowed
        else:
            is_y = self.transform.is_identity and flat.dtype == torch.float32
            y, complete = flat if is_y else torch.empty_like(flat, dtype=torch.float32), True
            for rows, place in zip(flat.split(step), y.split(step), strict=True):
                exact = self.transform.exact(rows)
                complete = complete and self.head.support.contains_all(exact)
                if not is_y:
                    place.copy_(exact)
        return y, None if complete else self._observed(flat)

    def _observed(self, flat: Float[Tensor, "rows features"]) -> Bool[Tensor, "rows features"]:
        """Which features are observed.

        Raises:
            SupportError: a value that is there lies outside its feature's support.
        """
        missing = flat.isnan()
        outside = ~(self.in_support(flat) | missing)
        if bool(outside.any()):
            row, feature = torch.nonzero(outside)[0].tolist()
            raise SupportError(
                row=row,
                feature=feature,
                value=float(flat[row, feature]),
                needed=self._needed(feature),
            )
        return ~missing

    def in_support(self, x: Float[Tensor, "rows features"]) -> Bool[Tensor, "rows features"]:
        """True where a value, in data units, lies in its feature's support."""
        return self.head.support.contains(self.transform.exact(x))

    def _needed(self, feature: int) -> str:
        """What the feature takes, as words that finish "needed ..."."""
        transform = self.transform
        if feature in transform.log_columns:
            return f"a number above {0 - float(transform.offsets[feature]):.12g}"
        shift, scale = float(transform.shift[feature]), float(transform.scale[feature])
        return self.head.support.describe(feature, shift=shift, scale=scale)

    def posterior(self, rows: Rows) -> Posterior:
        """q(z | x) of each row, or of what is observed of it."""
        if rows.observed is None:
            posterior = self.encoder.posterior_of_complete(rows.y)
            if posterior is not None:
                return posterior
        return self.encoder.posterior(self.embed(rows), rows)

    def embed(self, rows: Rows) -> Float[Tensor, "rows inputs"]:
        """What the encoder sees of the values: embeddings, 0 where a feature is missing."""
        inputs = self.head.embed(rows.y)
        return inputs if rows.observed is None else inputs * self.head.widen(rows.observed)

    def likelihood(self, z: Float[Tensor, "*batch latents"]) -> Likelihood:
        """p(y | z), in model units."""
        # As functions: calling a module takes as long as a layer of a row.
        return self.head.forward(self.decoder.forward(z))

    def data_likelihood(self, z: Float[Tensor, "*batch latents"]) -> Likelihood:
        """p(x | z), in data units."""
        return self.transform.law_of_x(self.likelihood(z))

    def log_prob(
        self, rows: Rows, z: Float[Tensor, "k rows latents"]
    ) -> Float[Tensor, "k rows features"]:
        """Log p(x_j | z) of each feature in data units, in nats; 0 where it is missing."""
        log_prob = rows.log_prob_under(self.likelihood(z))
        if rows.log_abs_det is not None:
            log_prob = log_prob + rows.log_abs_det.to(log_prob)
        return rows.of_observed(log_prob)

    def total_log_prob(
        self, rows: Rows, z: Float[Tensor, "k rows latents"]
    ) -> Float[Tensor, "k rows"]:
        """Log p(x | z) of the observed features, in nats and float64."""
        log_prob = rows.total_log_prob_under(self.likelihood(z))
        slopes = None if rows.log_abs_det is None else rows.total_log_abs_det
        return log_prob if slopes is None else log_prob + slopes

    def prior_law(self) -> PriorLaw:
        """p(z) with the weights as they are; kept where they are frozen."""
        return self._frozen_law or self.prior.law(self._posterior_of_inputs)

    def freeze(self) -> "VAE":
        """Itself in evaluation mode, its weights constants from now on.

        What depends on them alone is computed here, once: a `vamp_prior` encodes its pseudo-inputs.
        """
        self.eval().requires_grad_(requires_grad=False)
        if isinstance(self.encoder, NetworkEncoder):
            self.encoder.freeze(self.head.affine_embedding)
        for part in (self.decoder, self.head, self.transform):
            part.freeze()
        # Modules are found where Python looks first, and not after three failures.
        self.__dict__.update(self._modules)
        with torch.no_grad():
            self._frozen_law = self.prior.law(self._posterior_of_inputs)
            # What it keeps of its first use serves gradients as well, and would not if that use
            # were in inference mode.
            self._frozen_law.log_prob(torch.zeros(1, self.latent_dim, device=self.device))
        self._device = self.device
        return self

    def train(self, mode: bool = True) -> "VAE":
        """As every module's; what was kept of frozen weights is forgotten."""
        self._frozen_law = self._device = None
        return super().train(mode)

    def _apply(self, *args: object, **kwargs: object) -> "VAE":
        """As every module's; weights that went elsewhere are looked at there."""
        self._device = None
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        return self

    def _posterior_of_inputs(self, inputs: Float[Tensor, "n inputs"]) -> Posterior:
        """What a prior of pseudo-inputs asks of the encoder, which must be a network for it."""
        return as_network(self.encoder).posterior_of(inputs)

    def log_ratio(
        self, posterior: Posterior, z: Float[Tensor, "k rows latents"]
    ) -> Float[Tensor, "k rows"]:
        """Log p(z) - log q(z | x), in nats and float64; its expectation under q is minus the KL."""
        return self.prior_law().log_ratio(posterior, z)

    def to_event(self, flat: Float[Tensor, "..."], *, after: int | None = None) -> Tensor:
        """Features back in the shape of an event.

        Args:
            flat: Features on the last axis, or on axis `after` when given; left alone where that
                axis is missing or not one of features, as for the columns of a mixed table.
            after: Number of axes before the features.
        """
        axis = flat.ndim - 1 if after is None else after
        if len(self.event_shape) == 1 or flat.ndim <= axis:
            return flat
        event: Tensor = flat.unflatten(axis, self.event_shape)
        return event
