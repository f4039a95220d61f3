"""Priors and posteriors in training: where they start, what is decayed, what is refused."""

import pytest
import torch

from model_store import schema
from model_store.vae.estimators import estimate_elbo
from model_store.vae.model import VAE
from model_store.vae.priors import MixturePrior, StandardNormalLaw
from tests.models import model_schema, random_rows, small_vae
from training.batches import Batches
from training.config import TrainingConfig
from training.errors import DataError
from training.fit import _decay_groups
from training.model import initialize
from training.objective import Objective
from training.priors import describe_prior


def initialized(kind: str, **changes: object) -> VAE:
    model = model_schema(kind).model_copy(update=changes)
    transform, x = small_vae(kind).transform, random_rows(kind, 50)
    return initialize(model, transform, x, fixed_scale=1.0, seed=0)


def from_flags(**flags: object) -> TrainingConfig:
    return TrainingConfig.from_sources({"source": "t.csv", **flags}, environment={})


def test_a_mixture_starts_near_the_standard_normal_and_in_pieces() -> None:
    vae = initialized("bernoulli", prior=schema.MixturePrior(components=500))

    law = vae.freeze().prior_law()

    torch.testing.assert_close(law.variance, torch.ones(3), rtol=0.2, atol=0)
    z = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    divergence = (StandardNormalLaw().log_prob(z) - law.log_prob(z)).mean()
    assert float(divergence) < 0.05
    assert isinstance(vae.prior, MixturePrior)
    assert len(vae.prior.loc.unique(dim=0)) == 500


@pytest.mark.parametrize("sees_mask", [False, True])
def test_pseudo_inputs_start_as_training_rows(sees_mask: bool) -> None:
    prior = schema.VampPrior(components=20)

    vae = initialized("bernoulli", prior=prior, encoder_sees_mask=sees_mask)

    rows = vae.to_model_units(random_rows("bernoulli", 50))
    inputs = vae.encoder.inputs_of(vae.embed(rows), rows)
    distances = torch.cdist(vae.prior.pseudo_inputs.detach(), inputs)
    assert distances.amin(dim=1).max() < 0.1


def test_more_pseudo_inputs_than_rows_are_all_different() -> None:
    vae = initialized("bernoulli", prior=schema.VampPrior(components=120))

    assert len(vae.prior.pseudo_inputs.unique(dim=0)) == 120


def test_a_default_model_starts_as_it_did_whatever_other_priors_draw() -> None:
    plain = initialized("bernoulli")
    vamp = initialized("bernoulli", prior=schema.VampPrior(components=3))

    assert torch.equal(plain.encoder.output.weight, vamp.encoder.output.weight)


@pytest.mark.parametrize("kind", ["bernoulli_mixture_prior", "mixed_vamp_prior", "gaussian"])
def test_weight_decay_is_for_the_networks_matrices(kind: str) -> None:
    vae = small_vae(kind)

    decayed, kept = (group["params"] for group in _decay_groups(vae, 0.1))

    names = {id(p): name for name, p in vae.named_parameters()}
    assert all("coder." in names[id(p)] and names[id(p)].endswith("weight") for p in decayed)
    assert {id(p) for p in vae.prior.parameters()} <= {id(p) for p in kept}


@pytest.mark.parametrize("kind", ["gaussian_full", "bernoulli_mixture_prior", "mixed_vamp_prior"])
def test_the_objective_averages_to_the_elbo(kind: str) -> None:
    vae, x = small_vae(kind), random_rows(kind, 4)
    objective = Objective(vae, input_dropout=0.0, generator=torch.Generator().manual_seed(0))
    rows = vae.to_model_units(x.repeat(2_000, *[1] * (x.ndim - 1)))

    terms = objective(rows)

    draws = (terms.reconstruction - terms.kl_divergence.sum(dim=-1)).view(2_000, 4)
    elbo = estimate_elbo(vae, x, num_samples=4_000, seed=0)
    assert elbo.standard_error is not None
    error = draws.std(dim=0) / 2_000**0.5 + elbo.standard_error
    assert ((draws.mean(dim=0) - elbo.elbo).abs() < 4 * error).all()


def test_a_sampled_kl_below_zero_still_counts() -> None:
    """Clamped at zero, as free bits of none would, the objective would be biased."""
    vae, x = small_vae("bernoulli_mixture_prior"), random_rows("bernoulli", 1)
    generator = torch.Generator().manual_seed(0)
    terms = Objective(vae, input_dropout=0.0, generator=generator)(vae.to_model_units(x))

    lower = terms.reconstruction.mean() - (terms.kl_divergence - 100).sum()
    shifted = type(terms)(terms.reconstruction, terms.kl_divergence - 100)

    torch.testing.assert_close(shifted.objective(kl_weight=1.0, free_bits=0.0), lower)


def test_components_need_a_prior_that_has_them() -> None:
    with pytest.raises(DataError, match="--prior-components was given without --prior mixture"):
        from_flags(prior_components=3)


@pytest.mark.parametrize("prior", ["mixture", "vamp_prior"])
def test_free_bits_need_a_closed_form(prior: str) -> None:
    with pytest.raises(DataError, match=f"--free-bits was given with --prior {prior}, whose KL"):
        from_flags(prior=prior, free_bits=0.5)

    assert from_flags(prior=prior, free_bits=0.5, prior_components=1).free_bits == 0.5


def test_the_prior_of_a_config_is_described_with_its_components() -> None:
    described = [
        describe_prior(from_flags()),
        describe_prior(from_flags(prior="mixture", prior_components=3)),
        describe_prior(from_flags(prior="vamp_prior", prior_components=4)),
    ]

    assert described == [
        "standard_normal",
        schema.MixturePrior(components=3),
        schema.VampPrior(components=4),
    ]


def test_batches_of_one_row_have_a_prior_too() -> None:
    vae = small_vae("mixed_vamp_prior")
    rows = vae.to_model_units(random_rows("mixed", 1))

    (batch,) = Batches(rows, size=8, seed=0)

    objective = Objective(vae, input_dropout=0.5, generator=torch.Generator().manual_seed(0))
    assert objective(batch).elbo() < 0
