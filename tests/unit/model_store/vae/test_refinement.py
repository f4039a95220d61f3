"""What a step of refinement looks at, and what it costs."""

import pytest
import torch

from model_store.vae.noise import Noise
from model_store.vae.refinement import _directions, samples_worth


@pytest.mark.parametrize("latents", range(1, 17))
def test_directions_have_the_moments_of_standard_normal_noise(latents: int) -> None:
    directions = _directions(Noise(0), 3, latents)

    covariance = directions.T @ directions / len(directions)
    torch.testing.assert_close(covariance, torch.eye(latents).double())
    torch.testing.assert_close(directions.mean(dim=0), torch.zeros(latents).double())


@pytest.mark.parametrize("latents", [2, 11, 40])
def test_every_step_has_directions_of_its_own(latents: int) -> None:
    first, second = (_directions(Noise(0), step, latents) for step in (0, 1))

    assert not torch.isclose(first, second).any()


@pytest.mark.parametrize(
    ("latents", "steps", "samples"),
    [
        (8, 0, 0),
        (8, 1, 3 * 16 + 192),
        (8, 10, 30 * 16 + 192),
        (3, 1, 3 * 18 + 192),
        (500, 50, 150 * 32 + 192),
    ],
)
def test_work_is_counted_in_samples(latents: int, steps: int, samples: int) -> None:
    assert samples_worth(latents, steps) == samples
