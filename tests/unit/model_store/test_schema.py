"""A description that would fail at the first request is refused when it is made."""

import pytest
from pydantic import ValidationError

from model_store.schema import (
    Bernoulli,
    Categorical,
    DiscretizedLogistic,
    Feature,
    Gaussian,
    Laplace,
    Likelihood,
    Mixed,
    MixedPart,
    ModelSchema,
)


def test_a_logarithm_under_another_law_than_the_gaussian_is_refused() -> None:
    feature = Feature(name="a", kind="real", likelihood="laplace", transform="log")

    with pytest.raises(ValidationError, match="'a' has transform log and likelihood laplace"):
        ModelSchema(event_shape=(1,), latent_dim=1, features=(feature,), likelihood=Laplace())


def test_a_feature_of_an_old_description_has_no_transform() -> None:
    old = {"name": "a", "kind": "real", "likelihood": "gaussian"}

    assert Feature.model_validate(old).transform == "none"


def _table(*features: Feature, likelihood: Likelihood) -> ModelSchema:
    return ModelSchema(
        event_shape=(len(features),), latent_dim=2, features=features, likelihood=likelihood
    )


def _real(name: str) -> Feature:
    return Feature(name=name, kind="real", likelihood="gaussian")


def _colour(*categories: str) -> Feature:
    return Feature(
        name="colour", kind="categorical", likelihood="categorical", categories=categories
    )


def test_a_description_survives_json() -> None:
    model = _table(
        _real("width"),
        _colour("red", "green", "blue"),
        likelihood=Mixed(
            parts=(
                MixedPart(columns=(0,), likelihood=Gaussian()),
                MixedPart(columns=(1,), likelihood=Categorical(cardinalities=(3,))),
            )
        ),
    )

    assert ModelSchema.model_validate_json(model.model_dump_json()) == model


@pytest.mark.parametrize("columns", [(0,), (0, 0), (0, 2), (0, 1, 1)])
def test_mixed_parts_must_hold_every_feature_once(columns: tuple[int, ...]) -> None:
    mixed = Mixed(parts=(MixedPart(columns=columns, likelihood=Bernoulli()),))

    with pytest.raises(ValidationError, match="every feature once"):
        _table(_real("a"), _real("b"), likelihood=mixed)


@pytest.mark.parametrize(
    "likelihood", [Categorical(cardinalities=(2, 2)), DiscretizedLogistic(levels=(17,) * 4)]
)
def test_a_likelihood_must_have_as_many_features_as_the_event(likelihood: Likelihood) -> None:
    with pytest.raises(ValidationError, match="needed 3"):
        _table(_real("a"), _real("b"), _real("c"), likelihood=likelihood)


def test_a_part_must_have_as_many_features_as_columns() -> None:
    part = MixedPart(columns=(0, 1), likelihood=Categorical(cardinalities=(2,)))

    with pytest.raises(ValidationError, match="needed 2"):
        _table(_real("a"), _real("b"), likelihood=Mixed(parts=(part,)))


def test_a_category_without_a_code_is_refused() -> None:
    with pytest.raises(ValidationError, match="'colour' has 3 values, its likelihood 2"):
        _table(_colour("red", "green", "blue"), likelihood=Categorical(cardinalities=(2,)))


def test_two_features_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="same name"):
        _table(_real("a"), _real("a"), likelihood=Gaussian())


def test_features_must_fill_the_event() -> None:
    with pytest.raises(ValidationError, match="2 features for event shape"):
        ModelSchema(
            event_shape=(3,),
            latent_dim=2,
            features=(_real("a"), _real("b")),
            likelihood=Gaussian(),
        )
