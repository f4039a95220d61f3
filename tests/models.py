"""Small random models of every kind, and rows they accept."""

import torch
from torch import Tensor

from model_store import schema
from model_store.build import build_transform, build_vae
from model_store.vae.model import VAE
from model_store.vae.transforms import Transform

NUM_FEATURES = 6
EVENT_SHAPE = (2, 3)

MIXED = schema.Mixed(
    parts=(
        schema.MixedPart(columns=(4, 0), likelihood=schema.Gaussian()),
        schema.MixedPart(columns=(1,), likelihood=schema.Bernoulli()),
        schema.MixedPart(columns=(2, 5), likelihood=schema.Categorical(cardinalities=(3, 2))),
        schema.MixedPart(columns=(3,), likelihood=schema.Poisson()),
    )
)
LIKELIHOODS: dict[str, schema.Likelihood] = {
    "bernoulli": schema.Bernoulli(),
    "categorical": schema.Categorical(cardinalities=(2, 3, 4, 3, 2, 5)),
    "gaussian": schema.Gaussian(scale="per_feature"),
    "gaussian_fixed": schema.Gaussian(scale="fixed"),
    "gaussian_shared": schema.Gaussian(scale="shared"),
    "gaussian_predicted": schema.Gaussian(scale="predicted"),
    "gaussian_logarithms": schema.Gaussian(scale="predicted"),
    "gaussian_all_logarithms": schema.Gaussian(),
    "laplace": schema.Laplace(),
    "laplace_predicted": schema.Laplace(scale="predicted"),
    "student_t": schema.StudentT(),
    "student_t_predicted": schema.StudentT(scale="predicted"),
    "continuous_bernoulli": schema.ContinuousBernoulli(),
    "continuous_bernoulli_bytes": schema.ContinuousBernoulli(),
    "discretized_logistic": schema.DiscretizedLogistic(levels=(17,) * 6),
    "discretized_logistic_per_feature": schema.DiscretizedLogistic(
        levels=(2, 3, 17, 256, 4, 5), scale="per_feature"
    ),
    "poisson": schema.Poisson(),
    "negative_binomial": schema.NegativeBinomial(),
    "negative_binomial_inflated": schema.NegativeBinomial(zero_inflation=True),
    "mixed": MIXED,
    "mixed_logarithms": MIXED,
}
# Features by their flat indices, for kinds whose features are not all alike.
TRANSFORMS: dict[str, dict[int, schema.Transform]] = {
    "gaussian_logarithms": {0: "log", 2: "log1p", 3: "log"},
    "gaussian_all_logarithms": dict.fromkeys(range(6), "log"),
    "continuous_bernoulli_bytes": dict.fromkeys(range(6), "affine"),
    "mixed_logarithms": {4: "log1p"},
}
REAL = ("gaussian", "laplace", "student_t")
# Prior and posterior, for kinds that differ from others by these.
LATENTS: dict[str, dict[str, object]] = {
    "gaussian_full": {"posterior": "full"},
    "bernoulli_mixture_prior": {"prior": schema.MixturePrior(components=5)},
    "mixed_vamp_prior": {
        "prior": schema.VampPrior(components=4),
        "posterior": "full",
        "encoder_sees_mask": True,
    },
}
LIKELIHOODS |= {
    "gaussian_full": schema.Gaussian(),
    "bernoulli_mixture_prior": schema.Bernoulli(),
    "mixed_vamp_prior": MIXED,
}
KINDS = tuple(LIKELIHOODS)


def features(count: int, kind: str = "") -> tuple[schema.Feature, ...]:
    """Nameless features; the statistics look at likelihood and transform alone."""
    transforms = TRANSFORMS.get(kind, {})
    return tuple(
        schema.Feature(
            name=f"x[{i}]",
            kind="binary" if kind == "bernoulli" else "real",
            likelihood="gaussian",
            transform=transforms.get(i, "none"),
        )
        for i in range(count)
    )


def model_schema(kind: str) -> schema.ModelSchema:
    """Six features of the kind; images but for the mixed table."""
    return schema.ModelSchema(
        event_shape=(NUM_FEATURES,) if kind.startswith("mixed") else EVENT_SHAPE,
        latent_dim=3,
        features=features(NUM_FEATURES, kind),
        likelihood=LIKELIHOODS[kind],
        encoder=schema.Network(hidden_sizes=(16, 16)),
        decoder=schema.Network(hidden_sizes=(16,)),
        **LATENTS.get(kind, {}),
    )


def small_vae(kind: str, seed: int = 0) -> VAE:
    """Random weights, and for real features units far from one."""
    vae = with_random_weights(build_vae(model_schema(kind)), seed)
    if kind in TRANSFORMS:
        vae.transform = _uneven_transform(kind)
    elif kind.startswith(REAL):
        vae.transform = Transform(torch.linspace(-50, 50, 6), torch.logspace(-2, 3, 6))
    return vae.requires_grad_(requires_grad=False)


def with_random_weights(vae: VAE, seed: int = 0) -> VAE:
    """The model itself, every weight drawn from N(0, 1/4)."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.normal_(0, 0.5, generator=generator)
    return vae


def _uneven_transform(kind: str) -> Transform:
    """Constants that fit what each feature's transform stands for."""
    shift, scale = torch.zeros(NUM_FEATURES), torch.ones(NUM_FEATURES)
    for i, transform in TRANSFORMS[kind].items():
        shift[i], scale[i] = (0, 255) if transform == "affine" else (-1, 0.4)
    offset = torch.tensor([3.0 * (TRANSFORMS[kind].get(i) == "log1p") for i in range(NUM_FEATURES)])
    return build_transform(features(NUM_FEATURES, kind), shift, scale, offset)


def random_rows(kind: str, rows: int, seed: int = 0) -> Tensor:
    """Rows (rows, *event) inside the support, float64."""
    generator = torch.Generator().manual_seed(seed)
    vae = small_vae(kind)
    uniforms = torch.rand(rows, NUM_FEATURES, generator=generator).double().clamp(1e-6, 1 - 1e-6)
    latents = torch.randn(rows, 3, generator=generator)
    return vae.to_event(vae.data_likelihood(latents).sample(uniforms).double())
