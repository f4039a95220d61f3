"""A feature given all others of its row: what imputation says once it is hidden."""

import pytest
import torch
from torch import Tensor

from model_store.vae.estimators import Conditionals, conditionals, impute
from model_store.vae.estimators.conditionals import NO_FEATURE
from tests.models import KINDS, random_rows, small_vae


def of_all_features(kind: str, x: Tensor, num_samples: int = 40) -> Conditionals:
    features = torch.arange(6).expand(len(x), 6)
    return conditionals(small_vae(kind), x, features, num_samples=num_samples, seed=3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_conditional_is_the_imputation_of_the_hidden_feature(kind: str) -> None:
    x = random_rows(kind, 4)
    found = of_all_features(kind, x)

    for feature in range(6):
        hidden = x.flatten(1).clone()
        hidden[:, feature] = torch.nan
        imputed = impute(small_vae(kind), hidden.view(x.shape), num_samples=40, seed=3)
        expected, deviation = imputed.outputs, imputed.standard_deviation
        for ours, theirs in ((found.expected, expected), (found.standard_deviation, deviation)):
            torch.testing.assert_close(
                ours[:, feature],
                theirs.flatten(1)[:, feature],
                rtol=1e-4,
                atol=1e-4,
                equal_nan=True,
            )


@pytest.mark.parametrize("kind", ["categorical", "mixed"])
def test_only_codes_have_probabilities_and_the_expected_one_the_highest(kind: str) -> None:
    x = random_rows(kind, 30)
    columns = [0, 1, 2, 3, 4, 5] if kind == "categorical" else [2, 5]

    found = of_all_features(kind, x)

    codes = torch.zeros(6, dtype=torch.bool)
    codes[columns] = True
    assert torch.equal(~found.probability.isnan(), codes.expand(30, 6))
    as_expected = (x.flatten(1) == found.expected) & codes
    assert torch.equal(found.probability[as_expected], found.highest_probability[as_expected])
    assert (found.probability <= found.highest_probability)[:, columns].all()


def test_the_probabilities_of_a_features_codes_sum_to_one() -> None:
    row = random_rows("categorical", 1)
    every = row.flatten(1).repeat(5, 1)
    every[:, 5] = torch.arange(5)
    features = torch.full((5, 1), 5)

    found = conditionals(
        small_vae("categorical"), every.view(5, 2, 3), features, num_samples=40, seed=0
    )

    assert float(found.probability.sum()) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["gaussian", "mixed"])
def test_no_feature_has_no_answer_and_changes_none(kind: str) -> None:
    x = random_rows(kind, 5)
    features = torch.tensor([[0, 2]] * 4 + [[2, NO_FEATURE]])

    found = conditionals(small_vae(kind), x, features, num_samples=16, seed=0)
    alone = conditionals(small_vae(kind), x[4:], features[4:, :1], num_samples=16, seed=0)

    assert found.expected[4, 1].isnan()
    torch.testing.assert_close(found.expected[4:, :1], alone.expected, rtol=1e-4, atol=1e-4)
