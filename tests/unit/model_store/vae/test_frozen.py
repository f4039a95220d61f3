"""Frozen weights answer sooner, and the same."""

import pytest
import torch
from torch import Tensor

from model_store.vae import frozen
from model_store.vae.networks import DenseNetwork
from tests.models import small_vae

# None, one, the most that are not filled up and the fewest that are, whole blocks, and several.
ROWS = (0, 1, 21, 22, 32, 33, 42, 43, 64, 65, 170, 171, 256, 300, 1_000)


@pytest.fixture(params=[frozen.TransposedNetwork, frozen.BlockedNetwork], autouse=True)
def _each_way_to_multiply(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "FASTEST", request.param)


def networks() -> tuple[DenseNetwork, DenseNetwork]:
    """The same one twice, the second one frozen."""
    plain, quick = (DenseNetwork(30, (40, 40, 20), 10).eval() for _ in range(2))
    quick.load_state_dict(plain.state_dict())
    quick.freeze()
    return plain, quick


@torch.no_grad()
@pytest.mark.parametrize("rows", ROWS)
def test_a_frozen_network_computes_what_its_modules_do(rows: int) -> None:
    plain, quick = networks()
    x = torch.randn(rows, 30)

    torch.testing.assert_close(quick(x), plain(x), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_frozen_network_takes_any_number_of_axes_and_leaves_its_inputs_alone() -> None:
    plain, quick = networks()
    x = torch.randn(7, 30, 11).mT
    before = x.clone()

    torch.testing.assert_close(quick(x), plain(x), rtol=1e-5, atol=1e-5)
    assert torch.equal(x, before)


def test_a_frozen_network_has_gradients_where_they_are_wanted() -> None:
    plain, quick = networks()

    of_plain, of_quick = (gradient(network) for network in (plain, quick))

    assert torch.equal(of_plain, of_quick)


def gradient(network: DenseNetwork) -> Tensor:
    x = torch.linspace(-1, 1, 64 * 30).reshape(64, 30).requires_grad_()
    return torch.autograd.grad(network(x).square().sum(), x)[0]


@torch.no_grad()
def test_weights_that_change_again_are_used() -> None:
    _, network = networks()
    x = torch.randn(3, 30)
    before = network(x)

    network.train()
    network.output.bias = torch.nn.Parameter(network.output.bias + 1)

    torch.testing.assert_close(network(x), before + 1)


@torch.no_grad()
def test_only_so_many_numbers_of_rows_are_multiplied_by_kernels_made_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frozen, "FASTEST", frozen.BlockedNetwork)
    _, network = networks()
    seen = set()
    monkeypatch.setattr(
        frozen, "_onednn_linear", lambda x, w, b: seen.add(len(x)) or torch.addmm(b, x, w.T)
    )

    for rows in ROWS:
        network(torch.randn(rows, 30))

    assert seen == set(frozen.BLOCKS)


@torch.no_grad()
def test_of_a_large_network_no_weight_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, quick = networks()
    x = torch.randn(5, 30)
    addresses = {weight.data_ptr() for weight in quick.parameters()}
    seen: list[int] = []
    monkeypatch.setattr(frozen, "FASTEST", frozen.TransposedNetwork)
    monkeypatch.setattr(frozen, "COPIED_BYTES", 0)
    monkeypatch.setattr(
        frozen,
        "_transposed_linear",
        lambda x, w, b: seen.append(w.data_ptr()) or torch.addmm(b, x, w),
    )

    quick.freeze()

    torch.testing.assert_close(quick(x), plain(x), rtol=1e-5, atol=1e-5)
    assert len(seen) == 4
    assert addresses.issuperset(seen)


@torch.no_grad()
def test_a_frozen_network_that_moves_uses_the_weights_where_they_went() -> None:
    plain, quick = networks()
    x = torch.randn(5, 30).double()

    torch.testing.assert_close(quick.double()(x), plain.double()(x))


@pytest.mark.parametrize(
    ("name", "is_intel"), [("Intel Xeon", True), ("AMD EPYC", False), (None, False)]
)
def test_the_processor_is_told_by_its_name(
    name: str | None, is_intel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name is None:  # as torch before 2.13
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    else:
        monkeypatch.setattr(
            torch.cpu, "get_capabilities", lambda: {"cpu_name": name}, raising=False
        )

    assert frozen._is_intel() == is_intel


@torch.no_grad()
@pytest.mark.parametrize("kind", ["gaussian", "gaussian_shared", "laplace", "mixed"])
def test_learned_scales_are_constants_until_they_may_change_again(kind: str) -> None:
    vae, z = small_vae(kind), torch.randn(4, 3)
    before = vae.likelihood(z).variance

    vae.freeze()
    frozen = vae.likelihood(z).variance
    vae.train()
    for scale in (w for name, w in vae.named_parameters() if name.endswith("raw_log_scale")):
        scale.add_(1)

    torch.testing.assert_close(frozen, before, equal_nan=True)
    assert not torch.allclose(vae.likelihood(z).variance, before, equal_nan=True)
