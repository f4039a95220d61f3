"""Fact 16 and the rest of what holds for priors: against SciPy, quadrature and their own draws."""

import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from torch import Tensor

from model_store.vae.noise import Noise
from model_store.vae.posteriors import Posterior
from model_store.vae.priors import (
    GaussianLaw,
    MixtureLaw,
    MixturePrior,
    PriorLaw,
    StandardNormal,
    StandardNormalLaw,
    VampPrior,
    laws,
)
from tests.gaussians import FAMILIES, PAIRS, random_latents, random_posterior, scipy_log_prob

families = pytest.mark.parametrize("family", FAMILIES)
WEIGHTS = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)


def mixture(family: str, latents: int = 3) -> MixtureLaw:
    return MixtureLaw(WEIGHTS.log(), random_posterior(family, len(WEIGHTS), latents))


def law_of(name: str) -> PriorLaw:
    if name == "standard_normal":
        return StandardNormalLaw()
    kind, family = name.split()
    return mixture(family) if kind == "mixture" else GaussianLaw(random_posterior(family, 1, 3))


def means_of(law: PriorLaw) -> Tensor:
    if isinstance(law, MixtureLaw):
        return law.components.loc
    return law.component.loc if isinstance(law, GaussianLaw) else torch.zeros(1, 3).double()


def no_encoder(_: Tensor) -> Posterior:
    raise AssertionError


every_law = pytest.mark.parametrize(
    "name",
    ["standard_normal", "one diagonal", "one full", "mixture diagonal", "mixture full"],
)


@families
def test_a_mixtures_log_prob_is_scipys(family: str) -> None:
    law, z = mixture(family), random_latents(9, 3)

    exact = logsumexp(scipy_log_prob(law.components, z) + WEIGHTS.log().numpy(), axis=1)

    np.testing.assert_allclose(law.log_prob(z), exact, rtol=1e-10)


@families
@pytest.mark.parametrize("first", [-1.5, 0.3])
def test_a_mixture_integrates_to_one_over_each_latent(family: str, first: float) -> None:
    """Over the first, and over the second given the first; so over both."""
    law, axis = mixture(family, latents=2), torch.linspace(-60, 60, 40_001, dtype=torch.float64)

    z = torch.stack([torch.full_like(axis, first), axis], dim=1)
    over_second = law.conditional_log_prob(z)[:, 1].exp()
    over_first = law.conditional_log_prob(z.flip(1))[:, 0].exp()

    step = float(axis[1] - axis[0])
    assert float(over_first.sum()) * step == pytest.approx(1, abs=1e-9)
    assert float(over_second.sum()) * step == pytest.approx(1, abs=1e-9)


@every_law
def test_conditionals_sum_to_the_log_prob(name: str) -> None:
    law, z = law_of(name), random_latents(9, 3)

    torch.testing.assert_close(law.conditional_log_prob(z).sum(-1), law.log_prob(z))


@every_law
def test_the_log_ratio_is_the_difference_of_the_logs(name: str) -> None:
    law, posterior = law_of(name), random_posterior("full", 5, 3)
    z = random_latents(20, 3).unflatten(0, (4, 5))

    log_ratio = law.log_ratio(posterior, z)

    torch.testing.assert_close(log_ratio, law.log_prob(z) - posterior.log_prob(z))


@families
def test_the_first_conditional_of_a_mixture_is_its_first_marginal(family: str) -> None:
    law, z = mixture(family), random_latents(9, 3)

    first = law.conditional_log_prob(z)[:, 0]

    components = torch.distributions.Normal(law.components.loc[:, 0], law.components.scale[:, 0])
    exact = (components.log_prob(z[:, :1]) + WEIGHTS.log()).logsumexp(-1)
    torch.testing.assert_close(first, exact)


@every_law
def test_any_axes_may_stand_before_the_latents(name: str) -> None:
    law, z = law_of(name), random_latents(12, 3)

    shaped = law.log_prob(z.view(2, 6, 3))

    torch.testing.assert_close(shaped, law.log_prob(z).view(2, 6))
    assert law.conditional_log_prob(z.view(2, 6, 3)).shape == (2, 6, 3)


@families
@pytest.mark.parametrize("elements", [1, 12, 50])
def test_chunks_change_nothing(family: str, elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    law, z = mixture(family), random_latents(9, 3)
    whole, parts = law.log_prob(z), law.conditional_log_prob(z)

    monkeypatch.setattr(laws, "CHUNK_ELEMENTS", elements)

    torch.testing.assert_close(law.log_prob(z), whole)
    torch.testing.assert_close(law.conditional_log_prob(z), parts)


def test_equal_components_are_the_standard_normal() -> None:
    law, z = MixturePrior(5, 3).law(no_encoder), random_latents(9, 3).float()

    standard = StandardNormal().law(no_encoder)

    torch.testing.assert_close(law.log_prob(z), standard.log_prob(z), rtol=0, atol=1e-6)
    torch.testing.assert_close(law.variance, torch.ones(3))


def test_a_pseudo_input_whose_posterior_is_the_prior_changes_nothing() -> None:
    def encoder(inputs: Tensor) -> Posterior:
        return FAMILIES["full"].from_outputs(inputs.new_zeros(len(inputs), 9), 3)

    z = random_latents(9, 3).float()
    for count in (1, 4):
        law = VampPrior(count, inputs=7).law(encoder)
        exact = StandardNormalLaw().log_prob(z)
        torch.testing.assert_close(law.log_prob(z), exact, rtol=0, atol=1e-6)


def test_a_vamp_prior_is_the_average_of_its_pseudo_inputs_posteriors() -> None:
    prior, z = VampPrior(6, inputs=4).double(), random_latents(9, 2)
    torch.nn.init.normal_(prior.pseudo_inputs)
    posterior = FAMILIES["diagonal"].from_outputs(prior.pseudo_inputs.detach(), 2)

    law = prior.law(lambda inputs: FAMILIES["diagonal"].from_outputs(inputs, 2))

    exact = logsumexp(scipy_log_prob(posterior, z), axis=1) - math.log(6)
    np.testing.assert_allclose(law.log_prob(z).detach(), exact, rtol=1e-10)


@pytest.mark.parametrize(("family", "other"), PAIRS)
def test_kl_between_gaussians_is_torchs(family: str, other: str) -> None:
    component, posterior = random_posterior(family, 1, 3, 1), random_posterior(other, 5, 3, 2)

    kl = GaussianLaw(component).kl_divergence(posterior)

    p, q = (
        torch.distributions.MultivariateNormal(g.loc, scale_tril=g.factor)
        for g in (component, posterior)
    )
    assert kl is not None
    torch.testing.assert_close(kl.sum(-1), torch.distributions.kl_divergence(q, p))


@every_law
@pytest.mark.parametrize("family", FAMILIES)
def test_the_kl_of_each_latent_is_what_its_draws_average_to(name: str, family: str) -> None:
    law, posterior = law_of(name), random_posterior(family, 2, 3, 7)
    z = posterior.sample(Noise(0).normal(0, 100_000, 3).double())

    drawn = posterior.conditional_log_prob(z) - law.conditional_log_prob(z)

    closed = law.kl_divergence(posterior)
    assert (closed is None) == (law.kl_estimator == "monte_carlo")
    error = drawn.std(0) / math.sqrt(len(z))
    if closed is not None:
        assert ((drawn.mean(0) - closed).abs() < 4.5 * error + 1e-9).all()
    assert (drawn.mean(0) > -4.5 * error).all()


@every_law
def test_draws_have_the_variance_of_the_law(name: str) -> None:
    law, count = law_of(name), 200_000

    z = law.sample(
        Noise(0).normal(0, count, 3).double(), Noise(0).component(0, count), temperature=1.0
    )

    variance = law.variance.expand(3).double()
    torch.testing.assert_close(z.var(0), variance, rtol=0.03, atol=0)


def test_components_are_drawn_as_often_as_they_weigh() -> None:
    law = MixtureLaw(WEIGHTS.log(), random_posterior("diagonal", 4, 1))
    uniforms = Noise(0).component(0, 50_000)

    z = law.sample(torch.zeros(50_000, 1).double(), uniforms, temperature=1.0)

    shares = [float((z == loc).double().mean()) for loc in law.components.loc]
    assert shares == pytest.approx(WEIGHTS.tolist(), abs=0.01)


@every_law
def test_at_temperature_zero_only_means_are_drawn(name: str) -> None:
    law = law_of(name)

    z = law.sample(Noise(0).normal(0, 50, 3).double(), Noise(0).component(0, 50), temperature=0.0)

    assert torch.cdist(z, means_of(law)).amin(dim=1).max() < 1e-6


def test_a_uniform_beyond_the_rounded_sum_of_the_weights_picks_the_last_component() -> None:
    law = mixture("diagonal")

    z = law.sample(torch.zeros(1, 3).double(), torch.ones(1).double(), temperature=1.0)

    torch.testing.assert_close(z, law.components.loc[-1:])
