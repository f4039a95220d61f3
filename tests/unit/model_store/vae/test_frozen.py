"""Frozen weights answer sooner, and the same."""

import pytest
import torch
from torch import Tensor

from model_store import schema
from model_store.build import build_vae
from model_store.vae import frozen, native
from model_store.vae.encoders import as_network
from model_store.vae.model import VAE
from model_store.vae.networks import DenseNetwork
from tests.models import KINDS, features, random_rows, small_vae, with_random_weights

# None, one, the most that are not filled up and the fewest that are, whole blocks, and several.
ROWS = (0, 1, 21, 22, 32, 33, 42, 43, 64, 65, 170, 171, 256, 300, 1_000)


@pytest.fixture(params=[frozen.TransposedNetwork, frozen.BlockedNetwork], autouse=True)
def _each_way_to_multiply(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "FASTEST", request.param)


@pytest.fixture(params=["compiled", "torch"], autouse=True)
def _with_a_compiler_and_without(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if request.param == "torch":
        monkeypatch.setattr(native, "_kernels", None)


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
    monkeypatch.setattr(native, "_kernels", None)
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
@pytest.mark.parametrize("kind", KINDS)
def test_an_affine_embedding_is_what_it_says(kind: str) -> None:
    vae = small_vae(kind)
    y = vae.to_model_units(random_rows(kind, 9)).y

    if vae.head.affine_embedding is not None:
        scale, shift = vae.head.affine_embedding
        torch.testing.assert_close(vae.head.embed(y), scale * y + shift)


@torch.no_grad()
@pytest.mark.parametrize("sees_mask", [False, True])
@pytest.mark.parametrize("family", ["diagonal", "full"])
@pytest.mark.parametrize("likelihood", [schema.Bernoulli(), schema.Gaussian(), schema.StudentT()])
@pytest.mark.parametrize("copied_bytes", [0, frozen.COPIED_BYTES])
def test_frozen_weights_give_the_posterior_of_rows_with_gaps_and_without(
    likelihood: schema.Likelihood,
    family: str,
    sees_mask: bool,
    copied_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frozen, "COPIED_BYTES", copied_bytes)
    vae = a_vae(likelihood, family, sees_mask=sees_mask)
    complete = (torch.rand(9, 6, generator=torch.Generator().manual_seed(1)) > 0.5).double()
    rows = [vae.to_model_units(x) for x in (complete, complete.index_fill(1, GAPS, torch.nan))]
    before = [vae.posterior(each).to_outputs() for each in rows]

    vae.freeze()

    after = [vae.posterior(each).to_outputs() for each in rows]
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-5)


GAPS = torch.tensor([1, 4])


def a_vae(likelihood: schema.Likelihood, family: str, *, sees_mask: bool) -> VAE:
    """Six features, whose posterior is clamped now and then."""
    model = schema.ModelSchema(
        event_shape=(6,),
        latent_dim=3,
        features=features(6),
        likelihood=likelihood,
        posterior=family,
        encoder_sees_mask=sees_mask,
        encoder=schema.Network(hidden_sizes=(16, 16)),
        decoder=schema.Network(hidden_sizes=(16,)),
    )
    vae = with_random_weights(build_vae(model))
    as_network(vae.encoder).output.weight.mul_(20)
    return vae.eval()


@torch.no_grad()
def test_an_encoder_that_changes_again_is_used() -> None:
    vae = a_vae(schema.Bernoulli(), "diagonal", sees_mask=False).freeze()
    rows = vae.to_model_units(torch.zeros(2, 6).double())
    before = vae.posterior(rows).loc

    vae.train()
    as_network(vae.encoder).output.bias.add_(1)

    torch.testing.assert_close(vae.posterior(rows).loc, before + 1, rtol=1e-5, atol=1e-5)


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
