import pytest
import torch
from safetensors.torch import load

from benchmarks.inference import Contenders, check_agreement, rows_per_second
from benchmarks.measured_model import MODEL
from benchmarks.plain_scoring import log_likelihood, network_alone
from benchmarks.questions import (
    ELBO,
    LOG_LIKELIHOOD,
    NETWORK,
    SAFETENSORS,
    body_of,
    rows_of,
)
from model_store.build import build_vae
from model_store.vae.estimators import estimate_log_likelihood


def test_the_torch_loop_gives_the_services_log_likelihood() -> None:
    vae, x = build_vae(MODEL), rows_of(3)

    plain = log_likelihood(vae, x, num_samples=5, seed=1)

    ours = estimate_log_likelihood(vae, x, num_samples=5, seed=1).log_likelihood
    torch.testing.assert_close(plain.double(), ours, rtol=1e-5, atol=0)


def test_the_network_alone_ends_with_the_logits_of_the_mean_latents() -> None:
    vae, x = build_vae(MODEL).freeze(), rows_of(3)

    logits = network_alone(vae, x)

    loc = vae.posterior(vae.to_model_units(x)).loc
    torch.testing.assert_close(logits, vae.decoder(loc), rtol=1e-5, atol=1e-5)


def test_a_body_holds_the_rows() -> None:
    x = rows_of(2)

    assert torch.equal(load(body_of(x, ELBO, SAFETENSORS))["inputs"], x)
    assert b'"num_samples":256' in body_of(x, LOG_LIKELIHOOD, "application/json")


def test_contenders_that_differ_are_not_compared() -> None:
    calls = {
        "in process": lambda x: x[:, 0].double() + 100,
        "batcher": lambda x: x[:, 0].double() + 100.01,
    }

    with pytest.raises(AssertionError):
        check_agreement(Contenders(calls, {}), rows_of(4))


def test_the_network_alone_has_no_answer_to_agree_with() -> None:
    calls = {NETWORK: lambda x: x, "in process": lambda x: x[:, 0].double()}

    check_agreement(Contenders(calls, {}), rows_of(4))


def test_a_slow_call_is_made_once() -> None:
    calls = []

    rate = rows_per_second(lambda x: calls.append(len(x)), rows_of(4), seconds=0.0)

    assert calls == [4]
    assert rate > 0


def test_flatness_is_that_of_the_slowest_against_the_fastest() -> None:
    measured = {("HTTP", 64): [90.0, 50.0], ("HTTP", 256): [100.0, 100.0], ("HTTP", 1): [1.0, 1.0]}

    flat = Contenders({}, {}, measured).flatness("", "HTTP", (64, 256))

    assert flat.ratios == [0.9, 0.5]
