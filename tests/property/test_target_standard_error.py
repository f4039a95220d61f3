"""Samples are doubled for the rows that need it, and for no others."""

import math

import pytest
import torch
from torch import Tensor

from model_store.errors import OutOfRangeError
from model_store.vae.estimators import LogLikelihoodEstimate, estimate_log_likelihood
from model_store.vae.model import VAE
from tests.linear_gaussian import random_linear_gaussian

ASKED = {"num_samples": 16, "seed": 0, "target_standard_error": 0.05, "max_samples": 1_000}


def counts_of(estimate: LogLikelihoodEstimate) -> Tensor:
    assert isinstance(estimate.num_samples, Tensor)
    return estimate.num_samples


def standard_error(estimate: LogLikelihoodEstimate) -> Tensor:
    assert estimate.standard_error is not None
    return estimate.standard_error


def unequal_rows() -> tuple[VAE, Tensor]:
    """Rows that need unequal numbers of samples: the posterior narrows along a direction."""
    model = random_linear_gaussian(20, 4, 2)
    vae = model.vae()
    with torch.no_grad():
        vae.encoder.output.weight[4] += 1.0
    return vae, model.sample(40)


def test_a_target_is_met_or_every_sample_is_used() -> None:
    estimate = estimate_log_likelihood(*unequal_rows(), **ASKED)

    counts = counts_of(estimate)
    assert set(counts.tolist()) <= {16, 32, 64, 128, 256, 512, 1_000}
    assert len(set(counts.tolist())) > 3
    assert ((standard_error(estimate) <= 0.05) | (counts == 1_000)).all()


def test_a_row_has_the_answer_of_its_number_of_samples() -> None:
    vae, x = unequal_rows()

    estimate = estimate_log_likelihood(vae, x, **ASKED)

    counts = counts_of(estimate)
    for count in set(counts.tolist()):
        rows = counts == count
        at_once = estimate_log_likelihood(vae, x[rows], num_samples=count, seed=0)
        for name in ("log_likelihood", "standard_error", "elbo", "pareto_k", "reliable"):
            ours, theirs = getattr(estimate, name)[rows], getattr(at_once, name)
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_row_alone_gets_the_samples_it_gets_among_others() -> None:
    vae, x = unequal_rows()

    together = counts_of(estimate_log_likelihood(vae, x, **ASKED))
    alone = [counts_of(estimate_log_likelihood(vae, row, **ASKED)) for row in x.split(1)]

    assert torch.equal(torch.cat(alone), together)


def test_half_the_samples_would_not_have_met_the_target() -> None:
    vae, x = unequal_rows()
    counts = counts_of(estimate_log_likelihood(vae, x, **ASKED))

    for row, count in zip(x.split(1), counts.tolist(), strict=True):
        if 16 < count < 1_000:
            fewer = estimate_log_likelihood(vae, row, num_samples=count // 2, seed=0)
            assert float(standard_error(fewer)) > 0.05


def test_an_exact_posterior_meets_any_target_at_once() -> None:
    model = random_linear_gaussian(50, 8, 3, orthogonal=True)
    asked = ASKED | {"num_samples": 2, "target_standard_error": 1e-3}

    estimate = estimate_log_likelihood(model.vae(), model.sample(20), **asked)

    assert counts_of(estimate).tolist() == [2] * 20
    assert estimate.reliable.all()
    assert (estimate.pareto_k == -math.inf).all()


def test_one_sample_meets_no_target() -> None:
    asked = ASKED | {"num_samples": 1, "target_standard_error": 1e9}

    estimate = estimate_log_likelihood(*unequal_rows(), **asked)

    assert counts_of(estimate).tolist() == [2] * 40


def test_a_target_without_room_to_double_changes_nothing() -> None:
    estimate = estimate_log_likelihood(*unequal_rows(), **ASKED | {"max_samples": 16})

    assert counts_of(estimate).tolist() == [16] * 40


def test_a_row_without_a_finite_answer_is_named_among_all_rows() -> None:
    vae, x = unequal_rows()
    x[17] = 1e300

    with pytest.raises(OutOfRangeError) as refused:
        estimate_log_likelihood(vae, x, **ASKED)

    assert refused.value.row == 17
