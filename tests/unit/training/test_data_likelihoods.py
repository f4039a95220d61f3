"""From features to the likelihood of the schema."""

import pytest

from model_store import schema
from model_store.build import build_head
from model_store.schema import Feature
from tests.sources import config_for
from training.data import choose_likelihood
from training.errors import DataError

REAL = Feature(name="a", kind="real", likelihood="gaussian")
HEAVY = Feature(name="f", kind="real", likelihood="laplace")
SHARE = Feature(name="g", kind="unit_interval", likelihood="continuous_bernoulli")
BINARY = Feature(name="b", kind="binary", likelihood="bernoulli")
MARK = Feature(name="c", kind="ordinal", likelihood="discretized_logistic", levels=6)
CITY = Feature(name="d", kind="categorical", likelihood="categorical", categories=("x", "y", "z"))
BURSTS = Feature(name="i", kind="count", likelihood="negative_binomial")
VISITS = Feature(name="e", kind="count", likelihood="poisson")


@pytest.mark.parametrize(
    ("feature", "likelihood"),
    [
        (REAL, schema.Gaussian(scale="per_feature")),
        (HEAVY, schema.Laplace()),
        (HEAVY.model_copy(update={"likelihood": "student_t"}), schema.StudentT()),
        (SHARE, schema.ContinuousBernoulli()),
        (BINARY, schema.Bernoulli()),
        (MARK, schema.DiscretizedLogistic(levels=(6, 6))),
        (CITY, schema.Categorical(cardinalities=(3, 3))),
        (VISITS, schema.Poisson()),
        (BURSTS, schema.NegativeBinomial()),
    ],
)
def test_equal_features_have_a_plain_likelihood(
    feature: Feature, likelihood: schema.Likelihood
) -> None:
    assert choose_likelihood([feature, feature], config_for("iris")) == likelihood


def test_different_features_have_a_part_for_each_likelihood() -> None:
    mixed = choose_likelihood([REAL, CITY, REAL, BINARY], config_for("iris", scale="predicted"))

    assert mixed == schema.Mixed(
        parts=(
            schema.MixedPart(columns=(0, 2), likelihood=schema.Gaussian(scale="predicted")),
            schema.MixedPart(columns=(1,), likelihood=schema.Categorical(cardinalities=(3,))),
            schema.MixedPart(columns=(3,), likelihood=schema.Bernoulli()),
        )
    )


@pytest.mark.parametrize("name", ["gaussian", "laplace", "student_t"])
def test_a_scale_floor_is_that_of_every_law_with_a_learned_scale(name: str) -> None:
    feature = REAL.model_copy(update={"likelihood": name})

    likelihood = choose_likelihood([feature], config_for("iris", scale_floor=0.2))

    assert likelihood.model_dump()["floor"] == 0.2


def test_a_scale_floor_reaches_the_one_scale_of_all_features() -> None:
    likelihood = choose_likelihood([REAL], config_for("iris", scale="shared", scale_floor=0.2))

    assert likelihood == schema.Gaussian(scale="shared", floor=0.2)


def test_a_scale_floor_without_a_scale_is_refused() -> None:
    with pytest.raises(DataError) as refused:
        choose_likelihood([CITY], config_for("iris", scale_floor=0.2))

    assert str(refused.value) == (
        "--scale-floor 0.2 was given and no feature has such a scale; "
        "features with --likelihood gaussian, laplace or student_t are needed."
    )


def test_levels_can_be_categories() -> None:
    feature = MARK.model_copy(update={"likelihood": "categorical"})

    assert choose_likelihood([feature], config_for("iris")) == schema.Categorical(
        cardinalities=(6,)
    )


def test_without_gaussian_features_the_scale_is_the_logistics() -> None:
    likelihood = choose_likelihood([MARK], config_for("iris", scale="per_feature"))

    assert likelihood == schema.DiscretizedLogistic(levels=(6,), scale="per_feature")


def test_a_laplace_law_takes_the_scale_it_can_have() -> None:
    likelihood = choose_likelihood([HEAVY, MARK], config_for("iris", scale="predicted"))

    assert isinstance(likelihood, schema.Mixed)
    assert likelihood.parts[0].likelihood == schema.Laplace(scale="predicted")


def test_zeros_are_inflated_when_asked() -> None:
    config = config_for("iris", likelihood="negative_binomial", zero_inflation=True)

    assert choose_likelihood([BURSTS], config) == schema.NegativeBinomial(zero_inflation=True)


def test_a_scale_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="--scale shared was given and no feature has such a scale"):
        choose_likelihood([MARK], config_for("iris", scale="shared"))


def test_a_single_category_can_be_built() -> None:
    feature = CITY.model_copy(update={"categories": ("only",)})

    likelihood = choose_likelihood([feature, CITY], config_for("iris"))

    assert build_head(likelihood, 2).output_width == 4
