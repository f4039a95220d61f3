"""Which values a likelihood takes, in whatever type they come."""

import pytest
import torch

from model_store.vae.supports import IntegerSupport


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32, torch.float64])
def test_256_levels_hold_every_byte_of_any_type(dtype: torch.dtype) -> None:
    x = torch.tensor([[0, 255]]).to(dtype)

    assert IntegerSupport((256, 256)).contains(x).all()
    assert IntegerSupport((256, 255)).contains(x).tolist() == [[True, False]]
