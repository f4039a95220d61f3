"""`log-likelihood`: what it says of its own error, and samples doubled until that is small."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model_store.vae.model import VAE
from tests.builders import checkpoint_of, small_store
from tests.linear_gaussian import LinearGaussian, random_linear_gaussian
from tests.service import Service, places, refused, serving

EXACT = random_linear_gaussian(50, 4, 0, orthogonal=True)
LIMITS = {"max_samples": 1_000, "max_row_samples": 20_000}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"))
    store.publish("exact", checkpoint_of(EXACT.schema, EXACT.vae()))
    store.publish("bad", checkpoint_of(EXACT.schema, narrow_vae(EXACT)))
    with serving(store.root, **LIMITS) as service:
        yield service


def narrow_vae(model: LinearGaussian) -> VAE:
    """An encoder far off: too sure by a factor of thirty, and of the wrong place."""
    vae = model.vae()
    with torch.no_grad():
        vae.encoder.output.bias[:4] += 0.5
        vae.encoder.output.bias[4:] -= 7
    return vae


def ask(service: Service, model: str, rows: int = 3, **options: object) -> dict[str, Any]:
    inputs = EXACT.sample(rows).tolist()
    return service.ask("log-likelihood", model, inputs=inputs, **options)


def refusal(service: Service, status: int, rows: int = 3, **options: object) -> dict[str, Any]:
    body = {"inputs": EXACT.sample(rows).tolist(), **options}
    return refused(service.post("/v1/models/exact/log-likelihood", body), status)


@pytest.mark.parametrize("samples", [2, 30, 256])
def test_an_exact_posterior_is_reliable_and_has_no_tail(service: Service, samples: int) -> None:
    answer = ask(service, "exact", num_samples=samples, seed=samples)

    assert answer["pareto_k"] == [None] * 3
    assert answer["reliable"] == [True] * 3
    assert max(answer["standard_error"]) < 1e-3
    exact = EXACT.log_prob(EXACT.sample(3))
    np.testing.assert_allclose(answer["log_likelihood"], exact, atol=1e-3)


def test_a_bad_posterior_is_not_reliable(service: Service) -> None:
    answer = ask(service, "bad")

    assert min(answer["pareto_k"]) > 0.7
    assert answer["reliable"] == [False] * 3


def test_with_too_few_samples_to_tell_nothing_is_reliable(service: Service) -> None:
    answer = ask(service, "bad", num_samples=20)

    assert answer["pareto_k"] == [None] * 3
    assert answer["reliable"] == [False] * 3


def test_without_a_target_the_samples_are_one_number(service: Service) -> None:
    assert ask(service, "bad")["num_samples"] == 256


def test_a_target_that_is_met_costs_nothing_more(service: Service) -> None:
    answer = ask(service, "exact", target_standard_error=0.01)

    assert answer["num_samples"] == [256] * 3


@pytest.mark.parametrize(("options", "most"), [({}, 1_000), ({"max_samples": 400}, 400)])
def test_a_target_that_cannot_be_met_takes_every_sample(
    service: Service, options: dict[str, int], most: int
) -> None:
    answer = ask(service, "bad", target_standard_error=1e-6, **options)

    assert answer["num_samples"] == [most] * 3
    assert min(answer["standard_error"]) > 1e-6


def test_what_a_row_may_need_at_worst_counts_towards_the_limit(service: Service) -> None:
    problem = refusal(service, 413, rows=21, target_standard_error=0.1)

    assert problem["detail"] == (
        "21 rows by 1,000 samples are 21,000; this server takes 20,000 of them at once."
    )


def test_more_rows_are_taken_when_they_may_need_less(service: Service) -> None:
    answer = ask(service, "exact", rows=40, target_standard_error=0.1, max_samples=500)

    assert answer["num_samples"] == [256] * 40


def test_samples_beyond_the_limit_are_413(service: Service) -> None:
    problem = refusal(service, 413, target_standard_error=0.1, max_samples=1_001)

    assert "asks for 1,001 samples; this server takes 1,000 at most" in problem["detail"]


@pytest.mark.parametrize("target", [0, -1, "0.1", True, [0.1]])
def test_a_target_is_a_number_above_zero(service: Service, target: object) -> None:
    problem = refusal(service, 422, target_standard_error=target)

    assert places(problem) == ["target_standard_error"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_samples": 500}, "max_samples: needed with target_standard_error only."),
        (
            {"max_samples": 255, "target_standard_error": 0.1},
            "max_samples: needed at least num_samples.",
        ),
    ],
)
def test_a_limit_that_cannot_be_kept_is_refused(
    service: Service, options: dict[str, object], message: str
) -> None:
    problem = refusal(service, 422, **options)

    assert problem["errors"] == [{"location": "max_samples", "message": message}]


def test_refinement_puts_a_bad_posterior_right(service: Service) -> None:
    answer = ask(service, "bad", refine=50)

    assert answer["reliable"] == [True] * 3
    exact = EXACT.log_prob(EXACT.sample(3))
    np.testing.assert_allclose(answer["log_likelihood"], exact, atol=1e-3)


def test_refined_once_a_row_needs_no_more_samples(service: Service) -> None:
    answer = ask(service, "bad", refine=50, target_standard_error=0.01)

    assert answer["num_samples"] == [256] * 3


def test_refinement_counts_as_the_samples_it_is_worth(service: Service) -> None:
    problem = refusal(service, 413, rows=20, refine=25)

    assert problem["detail"] == (
        "20 rows by 256 samples and 1,392 more for refine = 25 are 32,960; "
        "this server takes 20,000 of them at once."
    )


def test_a_target_leaves_room_for_the_refinement(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    store.publish("bad", checkpoint_of(EXACT.schema, narrow_vae(EXACT)))

    with serving(store.root, max_row_samples=500) as service:
        answer = ask(service, "bad", rows=1, num_samples=64, refine=3, target_standard_error=1e-9)

    assert answer["num_samples"] == [500 - 336]


@pytest.mark.parametrize("steps", [-1, 51, 2.5, "3", True, None])
def test_steps_of_refinement_are_0_to_50(service: Service, steps: object) -> None:
    problem = refusal(service, 422, refine=steps)

    assert places(problem) == ["refine"]


def test_the_document_says_what_may_be_null(service: Service) -> None:
    schemas = service.get("/openapi.json").json()["components"]["schemas"]

    fields = schemas["LogLikelihoodReply"]["properties"]
    assert fields["pareto_k"]["items"] == {"type": ["number", "null"]}
    assert fields["reliable"]["items"] == {"type": "boolean"}
