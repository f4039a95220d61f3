"""Compiled arithmetic computes what torch does, and refuses what would read elsewhere."""

import shutil
import sysconfig
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from model_store.vae import native
from model_store.vae.estimators import compiled, estimate_elbo
from model_store.vae.likelihoods import BernoulliLikelihood
from model_store.vae.model import VAE
from model_store.vae.native import DenseLayers, Layer, _kernels
from model_store.vae.rows import Rows
from tests.models import KINDS, random_rows, small_vae, with_random_weights

# Less than a vector, as much, and more; panels of every width, whole and not.
SIZES = ((5, 3), (16, 16, 16), (7, 40, 40, 33), (300, 150, 2), (9, 48, 96, 65), (2500, 70))
# Every number that is computed at a time, with something left over or not, and more than a block.
ROWS = (0, 1, 2, 3, 4, 5, 7, 8, 9, 17, 130)


@pytest.fixture(params=_kernels.PROCESSORS, autouse=True)
def _for_each_kind_of_processor(request: pytest.FixtureRequest) -> Iterator[None]:
    _kernels.compute_for(request.param)
    yield
    _kernels.compute_for(_kernels.PROCESSORS[0])


def test_where_there_is_a_compiler_it_is_compiled() -> None:
    headers = Path(sysconfig.get_path("include"), "Python.h")

    can_be = shutil.which("gcc") is not None and headers.exists()
    assert can_be == native.IS_COMPILED


def layers(sizes: tuple[int, ...]) -> list[Layer]:
    generator = torch.Generator().manual_seed(sum(sizes))
    found = []
    for inputs, outputs in pairwise(sizes):
        weight = torch.randn(outputs, inputs, generator=generator) / inputs**0.5
        bias, scale, shift = torch.randn(3, outputs, generator=generator)
        found.append(Layer(weight, bias, scale, shift, 1e-5, residual=inputs == outputs))
    *hidden, last = found
    return [*hidden, Layer(last.weight, last.bias)]


def computed(network: list[Layer], x: Tensor) -> Tensor:
    """What torch makes of it in float64."""
    x = x.double()
    for weight, bias, scale, shift, eps, residual in network:
        y = x @ weight.double().T + bias.double()
        if scale is not None and shift is not None:
            y = F.layer_norm(y, y.shape[-1:], scale.double(), shift.double(), eps)
            y = F.silu(y) + (x if residual else 0)
        x = y
    return x


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("rows", ROWS)
def test_layers_of_any_size_compute_what_torch_does(sizes: tuple[int, ...], rows: int) -> None:
    network, x = layers(sizes), torch.randn(rows, sizes[0])

    y = DenseLayers(network)(x)

    torch.testing.assert_close(y.double(), computed(network, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 6])
def test_inputs_that_are_zero_add_nothing(rows: int) -> None:
    network, x = layers((2500, 70)), torch.randn(rows, 2500)
    x[:, 100:1500] = 0

    y = DenseLayers(network)(x)

    torch.testing.assert_close(y.double(), computed(network, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("width", [1, 5, 16, 40])
def test_norm_and_silu_are_torchs(width: int) -> None:
    y, residual = torch.randn(2, 7, width)
    scale, shift = torch.randn(2, width)
    expected = F.silu(F.layer_norm(y, (width,), scale, shift, 1e-5)) + residual

    native.norm_silu_(y, scale, shift, 1e-5, residual)

    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-5)


@given(st.integers(1, 2_000), st.floats(0.01, 1e4), st.integers(1, 3))
def test_a_bernoulli_is_as_exact_as_float64_allows(width: int, spread: float, rows: int) -> None:
    logits = torch.linspace(-spread, spread, 2 * rows * width).reshape(2, rows, width)
    x = (torch.arange(rows * width) % 3 == 0).float().reshape(rows, width)

    log_prob = native.bernoulli_log_prob(logits, x)

    exact = BernoulliLikelihood(logits.double()).log_prob(x.double()).sum(-1)
    torch.testing.assert_close(log_prob, exact, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_logit_that_is_no_number_is_not_lost(odd: float, value: float) -> None:
    logits = torch.zeros(1, 20)
    logits[0, 7] = odd
    x = torch.full((20,), value)

    log_prob = native.bernoulli_log_prob(logits, x)

    assert not bool(log_prob.isfinite()) or odd == (1 if value else -1) * float("inf")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("odd", [0.5, -0.0, -1.0, 2.0, float("nan"), float("inf"), 1 + 2**-20])
def test_anything_but_zeros_and_ones_is_seen(dtype: torch.dtype, odd: float) -> None:
    values = (torch.arange(37) % 2).to(dtype)
    values[20] = odd
    is_binary = native.as_binary if dtype == torch.float64 else native.are_binary

    found = is_binary(values)

    assert (found is not None and found is not False) == (odd == 0)


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("rows", [1, 5, 70])
def test_log_weights_and_kl_are_those_that_torch_finds(
    rows: int, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    vae = with_random_weights(small_vae("bernoulli")).freeze()
    x = random_rows("bernoulli", rows)
    assert compiled.weigh(vae, vae.to_model_units(x), num_samples=samples, seed=5) is not None
    found = estimate_elbo(vae, x, num_samples=samples, seed=5)

    monkeypatch.setattr(native, "_kernels", None)
    expected = estimate_elbo(vae, x, num_samples=samples, seed=5)

    assert found.kl_estimator == expected.kl_estimator
    for name in ("elbo", "reconstruction", "kl_divergence", "standard_error"):
        ours, torchs = getattr(found, name), getattr(expected, name)
        torch.testing.assert_close(ours, torchs, rtol=1e-5, atol=1e-5)


def test_a_row_has_the_same_answer_bit_for_bit_wherever_it_stands() -> None:
    vae = with_random_weights(small_vae("bernoulli")).freeze()
    rows = vae.to_model_units(random_rows("bernoulli", 23))
    together, _ = weights(vae, rows)

    alone = [weights(vae, rows.select(slice(i, i + 1)))[0] for i in range(23)]
    turned, _ = weights(vae, rows.select(torch.arange(22, -1, -1)))

    assert np.array_equal(together, np.concatenate(alone, axis=1))
    assert np.array_equal(together, turned[:, ::-1])


def weights(vae: VAE, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    found = compiled.weigh(vae, rows, num_samples=2, seed=5)
    assert found is not None
    return found


def test_scales_are_brought_into_their_range() -> None:
    q = torch.tensor([[1.0, 1.0, -50.0, 50.0]])

    z, log_ratio, kl = native.draw(q, torch.ones(1, 2), (-9.0, 2.0))

    scale = torch.tensor([-9.0, 2.0]).exp()
    torch.testing.assert_close(z[0, 0], 1 + scale)
    expected = (-7 + 0.5 * (2 - (1 + scale.double()).square().sum())).item()
    assert log_ratio.item() == pytest.approx(expected, rel=1e-6)
    assert kl.item() == pytest.approx(0.5 * scale.double().square().sum().item() + 7, rel=1e-6)


NETWORK = layers((4, 4))
FLOATS, DOUBLES = np.zeros((2, 4), np.float32), np.zeros((2, 4))


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("norm_silu", (FLOATS, FLOATS, FLOATS, None, 1e-5)),
        ("norm_silu", (FLOATS, FLOATS[0], FLOATS[0], FLOATS[0], 1e-5)),
        ("norm_silu", (DOUBLES, FLOATS[0], FLOATS[0], None, 1e-5)),
        ("norm_silu", (FLOATS.T, FLOATS[0], FLOATS[0], None, 1e-5)),
        ("norm_silu", (FLOATS[:, :0], FLOATS[0, :0], FLOATS[0, :0], None, 1e-5)),
        ("bernoulli_log_prob", (FLOATS, FLOATS, DOUBLES)),
        ("bernoulli_log_prob", (FLOATS, FLOATS[:, :2].copy(), DOUBLES[:, 0].copy())),
        ("are_binary", (DOUBLES, None)),
        ("are_binary", (DOUBLES, FLOATS[0])),
        ("are_binary", (FLOATS, FLOATS)),
        ("forward", (DenseLayers(NETWORK).network, FLOATS, FLOATS[:1])),
        ("forward", (DenseLayers(NETWORK).network, FLOATS[:, :3].copy(), FLOATS)),
        ("forward", (None, FLOATS, FLOATS)),
        (
            "weigh",
            (*[DenseLayers(NETWORK).network] * 2, FLOATS, FLOATS, DOUBLES, DOUBLES, 0.0, 0.0),
        ),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(
    function: str, arguments: tuple[object, ...]
) -> None:
    with pytest.raises((ValueError, BufferError)):
        getattr(_kernels, function)(*arguments)


@pytest.mark.parametrize(
    "network",
    [
        [],
        [Layer(torch.ones(3, 2), torch.ones(2))],
        [Layer(torch.ones(3, 2), torch.ones(3), torch.ones(3), torch.ones(3))],
        [Layer(torch.ones(3, 2), torch.ones(3)), Layer(torch.ones(2, 3), torch.ones(2))],
        [*layers((2, 3, 4))[:1], *layers((4, 2))],
        [layers((2, 3, 4))[0]._replace(residual=True), *layers((3, 2))],
        [Layer(torch.ones(6), torch.ones(6))],
    ],
)
def test_layers_that_make_no_network_are_refused(network: list[Layer]) -> None:
    with pytest.raises(ValueError, match="do not fit together"):
        _kernels.Network([layer.as_arrays for layer in network])


@pytest.mark.parametrize("function", ["norm_silu", "bernoulli_log_prob", "are_binary", "forward"])
def test_as_many_arguments_are_needed(function: str) -> None:
    with pytest.raises(TypeError, match="needed"):
        getattr(_kernels, function)()


@pytest.mark.parametrize("name", KINDS)
def test_without_a_compiler_answers_are_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = random_rows(name, 6)
    compiled = estimate_elbo(small_vae(name).freeze(), x, num_samples=4, seed=1)

    monkeypatch.setattr(native, "_kernels", None)
    plain = estimate_elbo(small_vae(name).freeze(), x, num_samples=4, seed=1)

    torch.testing.assert_close(compiled.elbo, plain.elbo, rtol=1e-5, atol=1e-5)


def test_a_processor_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="not one of kind 'abacus'"):
        _kernels.compute_for("abacus")


def test_a_network_has_weights_of_its_own() -> None:
    network, x = layers((40, 40, 8)), torch.randn(3, 40)
    expected = computed(network, x)
    compiled = DenseLayers(network)

    del network
    torch.testing.assert_close(compiled(x).double(), expected, rtol=1e-5, atol=1e-5)


def test_many_numbers_are_left_to_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = torch.zeros(8), torch.zeros(2**16)
    assert native.fits(few)
    assert native.fits(many)

    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)

    assert native.fits(few)
    assert not native.fits(many)
    assert native.takes(8)
    assert not native.takes(64)
