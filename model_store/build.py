"""ModelSchema -> VAE: the one place where a description becomes modules."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from model_store import schema
from model_store.schema import LOGARITHMIC, Feature, ModelSchema
from model_store.vae.encoders import Encoder, LinearGaussianEncoder, NetworkEncoder
from model_store.vae.likelihoods import (
    BernoulliHead,
    CategoricalHead,
    ContinuousBernoulliHead,
    DiscretizedLogisticHead,
    GaussianHead,
    LaplaceHead,
    LikelihoodHead,
    MixedHead,
    NegativeBinomialHead,
    PoissonHead,
    StudentTHead,
)
from model_store.vae.model import VAE
from model_store.vae.networks import DenseNetwork
from model_store.vae.posteriors import DiagonalGaussian, FullGaussian, Posterior
from model_store.vae.priors import MixturePrior, Prior, StandardNormal, VampPrior
from model_store.vae.transforms import Transform

_HEADS: dict[type, Callable[[Any, int], LikelihoodHead]] = {
    schema.Bernoulli: lambda _, n: BernoulliHead(n),
    schema.Categorical: lambda s, _: CategoricalHead(s.cardinalities),
    schema.Gaussian: lambda s, n: GaussianHead(n, s.scale, s.floor),
    schema.Laplace: lambda s, n: LaplaceHead(n, s.scale, s.floor),
    schema.StudentT: lambda s, n: StudentTHead(n, s.scale, s.floor),
    schema.ContinuousBernoulli: lambda _, n: ContinuousBernoulliHead(n),
    schema.DiscretizedLogistic: lambda s, _: DiscretizedLogisticHead(s.levels, s.scale),
    schema.Poisson: lambda _, n: PoissonHead(n),
    schema.NegativeBinomial: lambda s, n: NegativeBinomialHead(n, zero_inflation=s.zero_inflation),
    schema.Mixed: lambda s, _: MixedHead(
        [(p.columns, build_head(p.likelihood, len(p.columns))) for p in s.parts]
    ),
}


_POSTERIORS: dict[schema.PosteriorName, type[Posterior]] = {
    "diagonal": DiagonalGaussian,
    "full": FullGaussian,
}


def build_vae(model: ModelSchema) -> VAE:
    """A VAE of this description in evaluation mode, its weights freshly initialised.

    Under `torch.device("meta")` nothing is allocated, which tells the names, shapes and dtypes a
    checkpoint must have before one is read.
    """
    head = build_head(model.likelihood, model.num_features)
    encoder = _build_encoder(model, head.input_width)
    zeros = torch.zeros(model.num_features)
    # Not torch.ones_like: for a meta tensor it imports sympy, in 35 MB and a third of a second.
    ones = torch.ones(model.num_features)
    vae = VAE(
        encoder=encoder,
        decoder=DenseNetwork(model.latent_dim, model.decoder.hidden_sizes, head.output_width),
        head=head,
        prior=_build_prior(model, head.input_width),
        transform=build_transform(model.features, zeros, ones, zeros),
        event_shape=model.event_shape,
    )
    return vae.eval()


def build_transform(
    features: Sequence[Feature], shift: Tensor, scale: Tensor, offset: Tensor
) -> Transform:
    """The transform of these features; the offset is kept where one of them has use for it."""
    has_offset = any(feature.transform == "log1p" for feature in features)
    columns = [i for i, feature in enumerate(features) if feature.transform in LOGARITHMIC]
    return Transform(shift, scale, log_columns=columns, offset=offset if has_offset else None)


def build_head(likelihood: schema.Likelihood, num_features: int) -> LikelihoodHead:
    """The likelihood head of this description."""
    return _HEADS[type(likelihood)](likelihood, num_features)


def _build_encoder(model: ModelSchema, embedding_width: int) -> Encoder:
    family = _POSTERIORS[model.posterior]
    if isinstance(model.encoder, schema.LinearGaussianEncoder):
        return LinearGaussianEncoder(model.num_features, model.latent_dim, family=family)
    return NetworkEncoder(
        embedding_width,
        model.encoder.hidden_sizes,
        model.latent_dim,
        mask_width=_mask_width(model),
        family=family,
    )


def _mask_width(model: ModelSchema) -> int:
    return model.num_features if model.encoder_sees_mask else 0


def _build_prior(model: ModelSchema, embedding_width: int) -> Prior:
    match model.prior:
        case schema.MixturePrior(components=components):
            return MixturePrior(components, model.latent_dim)
        case schema.VampPrior(components=components):
            return VampPrior(components, embedding_width + _mask_width(model))
    return StandardNormal()
