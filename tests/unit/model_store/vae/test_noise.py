"""Noise that is kept is as good as noise that is made anew."""

import torch

from model_store.vae.noise import Noise


def test_noise_first_drawn_in_inference_mode_serves_gradients_too() -> None:
    with torch.inference_mode():
        Noise(977).normal(0, 2, 3)
    scale = torch.ones(3, requires_grad=True)

    (scale * Noise(977).normal(0, 2, 3)).square().sum().backward()

    assert scale.grad is not None


def test_a_kept_table_is_the_beginning_of_one_too_large_to_keep() -> None:
    small, large = Noise(3).normal(0, 4, 50), Noise(3).normal(0, 1000, 50)

    assert torch.equal(small, large[:4])
