"""The Laplace law: SciPy's, integrating to one, and kept from collapsing onto a point."""

import math

import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.vae.likelihoods import LaplaceHead, LaplaceLikelihood
from model_store.vae.noise import Noise

theorem = settings(deadline=None)


@given(x=st.floats(-50, 50), loc=st.floats(-50, 50), log_scale=st.floats(-2, 5))
@theorem
def test_log_prob_is_scipys(x: float, loc: float, log_scale: float) -> None:
    law = LaplaceLikelihood(torch.tensor([loc]).double(), torch.tensor([log_scale]).double())

    ours = law.log_prob(torch.tensor([x], dtype=torch.float64))

    expected = scipy.stats.laplace.logpdf(x, float(law.loc), float(law.scale))
    assert float(ours) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(loc=st.floats(-5, 5), log_scale=st.floats(-20, 20))
@theorem
def test_it_integrates_to_one(loc: float, log_scale: float) -> None:
    law = LaplaceLikelihood(torch.tensor([loc]).double(), torch.tensor([log_scale]).double())
    t = torch.linspace(-40, 40, 80_001).double()

    density = law.log_prob((law.loc + law.scale * t)[:, None])[:, 0].exp()

    assert float(torch.trapezoid(density, t) * law.scale) == pytest.approx(1, abs=1e-6)


def test_samples_have_its_median_and_mean_deviation() -> None:
    law = LaplaceLikelihood(torch.tensor([[0.3, -2.0]]), torch.tensor([0.0, 1.0]))

    draws = law.sample(Noise(0).uniform(0, 40_000, 2))

    torch.testing.assert_close(draws.median(0).values, law.loc[0], atol=0.05, rtol=0)
    deviation = (draws - law.loc).abs().mean(0)
    torch.testing.assert_close(deviation, law.scale, atol=0.03, rtol=0)


@pytest.mark.parametrize("scale", ["per_feature", "predicted"])
def test_a_scale_pressed_down_stays_above_its_floor_and_is_told(scale: str) -> None:
    head = LaplaceHead(2, scale, floor=math.exp(-5))
    raw = torch.tensor([-40.0, 0.0])
    if scale == "per_feature":
        head.raw_log_scale.data.copy_(raw)
    outputs = torch.zeros(2) if scale == "per_feature" else torch.cat([torch.zeros(2), raw])

    law = head(outputs.expand(3, -1))

    assert (law.log_scale >= -5 - 1e-6).all()
    assert head.at_floor(law).tolist() == [True, False]
