"""Transforms that are chosen, and their constants to the last digit."""

from pathlib import Path

import numpy as np
import pytest

from model_store.schema import Feature, Scale
from tests.sources import config_for, csv_file, grey_images, load, npy_file
from training.data import FittedTransforms, fit_constants, fit_transforms
from training.errors import DataError

REAL = Feature(name="a", kind="real", likelihood="gaussian", transform="standardise")
CITY = Feature(name="d", kind="categorical", likelihood="categorical", categories=("x", "y"))


HEAVY = Feature(name="h", kind="real", likelihood="laplace", transform="standardise")


def fit(x: np.ndarray, scale: Scale | None = None) -> FittedTransforms:
    return fit_constants([REAL] * x.shape[1], x, scale=scale)


@pytest.mark.parametrize("scale", [None, "per_feature", "predicted"])
def test_every_feature_has_its_own_mean_and_deviation(scale: Scale | None) -> None:
    x = np.random.default_rng(0).normal([3, -5], [2, 7], (100, 2))

    fitted = fit(x, scale)

    assert fitted.shift == pytest.approx(x.mean(axis=0), rel=1e-14)
    assert fitted.scale == pytest.approx(x.std(axis=0), rel=1e-14)


@pytest.mark.parametrize("scale", ["shared", "fixed"])
def test_one_sigma_for_all_needs_one_unit_for_all(scale: Scale) -> None:
    x = np.random.default_rng(0).normal([3, -5], [2, 7], (100, 2))

    fitted = fit(x, scale)

    assert fitted.shift == pytest.approx(x.mean(axis=0), rel=1e-14)
    assert fitted.scale == pytest.approx([np.sqrt(x.var(axis=0).mean())] * 2, rel=1e-14)


def test_discrete_features_stay_as_they_are() -> None:
    fitted = fit_constants([CITY, REAL], np.array([[0, 10.0], [1, 30.0]]), scale="shared")

    assert fitted.shift.tolist() == [0, 20]
    assert fitted.scale.tolist() == [1, 10]


def test_one_sigma_for_gaussians_leaves_other_laws_their_own() -> None:
    x = np.array([[0.0, 10.0], [2.0, 30.0]])

    fitted = fit_constants([REAL, HEAVY], x, scale="shared")

    assert fitted.shift.tolist() == [1, 20]
    assert fitted.scale.tolist() == [1, 10]


def test_outliers_do_not_move_the_units_of_students_t() -> None:
    x = np.random.default_rng(0).normal(3, 2, (1_000, 1))
    x[:10] = 1e9
    outlying = HEAVY.model_copy(update={"likelihood": "student_t"})

    fitted = fit_constants([outlying], x, scale=None)

    assert fitted.shift[0] == pytest.approx(3, abs=0.2)
    assert fitted.scale[0] == pytest.approx(2, rel=0.1)


def test_a_value_of_most_rows_leaves_students_t_the_deviation() -> None:
    x = np.array([[0.0]] * 9 + [[10.0]])
    outlying = HEAVY.model_copy(update={"likelihood": "student_t"})

    fitted = fit_constants([outlying], x, scale=None)

    assert (fitted.shift[0], fitted.scale[0]) == pytest.approx((0, x.std()))


def test_a_constant_feature_is_named_and_keeps_its_unit() -> None:
    x = np.array([[0.1, 0.1], [0.1, 0.3]] * 5)
    constant = REAL.model_copy(update={"name": "still"})

    fitted = fit_constants([constant, REAL], x, scale=None)

    assert fitted.constant_features == ("still",)
    assert (fitted.shift[0], fitted.scale[0]) == (0.1, 1.0)


def test_nothing_but_constants_keeps_its_unit() -> None:
    assert fit(np.full((5, 2), 3.0), "shared").scale.tolist() == [1, 1]


def test_timestamps_keep_their_digits() -> None:
    seconds = np.arange(100_000) % 60
    x = (1.7e9 + seconds).reshape(-1, 1)

    fitted = fit(x)

    assert fitted.shift[0] - 1.7e9 == pytest.approx(seconds.mean(), abs=1e-6)
    assert fitted.scale[0] == pytest.approx(seconds.std(), rel=1e-12)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_squares_neither_vanish_nor_overflow(unit: float) -> None:
    fitted = fit(np.array([[1.0], [3.0]]) * unit)

    assert fitted.scale / unit == pytest.approx([1.0])


def test_a_span_beyond_float64_is_refused() -> None:
    with pytest.raises(DataError, match="The values of 'a' span more than"):
        fit(np.array([[-1e308], [1e308]]))


def test_small_integers_are_not_summed_in_their_own_type() -> None:
    x = np.full((1000, 1), 200, dtype=np.uint8)
    x[0] = 0

    assert fit(x).shift[0] == pytest.approx(199.8)


def test_missing_cells_are_passed_over() -> None:
    x = np.random.default_rng(0).normal(3, 2, (50, 2))
    x[::3, 0] = np.nan
    x[:, 1] = np.nan

    fitted = fit(x)

    assert fitted.shift == pytest.approx([np.nanmean(x[:, 0]), 0])
    assert fitted.scale == pytest.approx([np.nanstd(x[:, 0]), 1])


LAWS = {
    "normal": lambda r: r.normal(5, 1, 300),
    "lognormal": lambda r: np.exp(r.normal(0, 1, 300)),
    "zeros": lambda r: np.exp(r.normal(0, 1, 300)) * (r.random(300) > 0.2),
    "negative": lambda r: -np.exp(r.normal(0, 1, 300)),
}


def fit_column(tmp_path: Path, values: np.ndarray, **flags: object) -> FittedTransforms:
    source = csv_file(tmp_path / "t.csv", {"a": values.tolist()})
    return fit_transforms(load(source), values[:, None], config_for(source, **flags))


@pytest.mark.parametrize(
    ("law", "transform"),
    [
        ("normal", "standardise"),
        ("lognormal", "log"),
        ("zeros", "log1p"),
        ("negative", "standardise"),
    ],
)
def test_a_logarithm_is_chosen_where_it_is_clearly_better(
    tmp_path: Path, law: str, transform: str
) -> None:
    fitted = fit_column(tmp_path, LAWS[law](np.random.default_rng(0)))

    assert [feature.transform for feature in fitted.features] == [transform]


@pytest.mark.parametrize("law", ["lognormal", "zeros"])
def test_the_choice_and_the_model_units_do_not_depend_on_the_unit(tmp_path: Path, law: str) -> None:
    x = LAWS[law](np.random.default_rng(0))

    metres, smaller = fit_column(tmp_path, x), fit_column(tmp_path, x / 1024)

    assert smaller.features == metres.features
    assert smaller.scale == pytest.approx(metres.scale, rel=1e-12)
    assert smaller.shift == pytest.approx(metres.shift - np.log(1024), rel=1e-12)
    assert smaller.offset * 1024 == pytest.approx(metres.offset, rel=1e-12)


def test_log1p_is_log_of_one_plus_x_where_it_is_asked_for(tmp_path: Path) -> None:
    x = LAWS["zeros"](np.random.default_rng(0))

    fitted = fit_column(tmp_path, x, transform="a=log1p")

    assert fitted.offset == [1.0]
    assert fitted.shift == pytest.approx(np.log1p(x).mean())


@pytest.mark.parametrize(
    "flags",
    [
        {"scale": "shared"},
        {"scale": "fixed"},
        {"hidden_sizes": "none"},
        {"transform": "standardise"},
        {"transform": "a=standardise"},
    ],
)
def test_no_logarithm_is_chosen_where_something_else_was_said(
    tmp_path: Path, flags: dict[str, object]
) -> None:
    fitted = fit_column(tmp_path, LAWS["lognormal"](np.random.default_rng(0)), **flags)

    assert fitted.features[0].transform == "standardise"


def test_the_constants_are_those_of_the_training_rows(tmp_path: Path) -> None:
    x = LAWS["lognormal"](np.random.default_rng(0))
    dataset = load(csv_file(tmp_path / "t.csv", {"a": x.tolist()}))

    fitted = fit_transforms(dataset, x[:200, None], config_for("t.csv"))

    assert fitted.shift == pytest.approx(np.log(x[:200]).mean())


def test_a_held_out_value_without_the_chosen_logarithm_is_named(tmp_path: Path) -> None:
    x = LAWS["lognormal"](np.random.default_rng(0))
    x[250] = 0
    dataset = load(csv_file(tmp_path / "t.csv", {"a": x.tolist()}))

    with pytest.raises(DataError) as refused:
        fit_transforms(dataset, x[:200, None], config_for("t.csv"))

    assert str(refused.value) == (
        "t.csv, row 251 (line 252), column 'a': 0 came; the training rows, all above 0, were "
        "better taken by their logarithm, so --transform a=standardise is needed."
    )


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            {"transform": "a=log"},
            "t.csv, row 2 (line 3), column 'a': 0 came; --transform a=log needs a number above 0.",
        ),
        (
            {"transform": "a=log", "likelihood": "laplace"},
            (
                "--transform a=log needs --likelihood gaussian; under laplace a variable whose "
                "logarithm is 'a' has no mean."
            ),
        ),
        (
            {"transform": "a=affine"},
            (
                "--transform a=affine was given; a real feature with likelihood gaussian needs "
                "standardise or log or log1p."
            ),
        ),
        (
            {"transform": "log", "likelihood": "student_t"},
            (
                "--transform log was given and no feature takes it; "
                "one with a likelihood that does is needed."
            ),
        ),
        (
            {"transform": "b=log"},
            "--transform names column 'b', which t.csv does not have; needed one like 'a'.",
        ),
    ],
)
def test_a_transform_that_cannot_be_is_refused_in_one_sentence(
    tmp_path: Path, flags: dict[str, object], said: str
) -> None:
    x = np.array([1.5, 0.0, *np.linspace(0.1, 2, 30)])
    source = csv_file(tmp_path / "t.csv", {"a": x.tolist()})

    with pytest.raises(DataError) as refused:
        fit_transforms(load(source, **flags), x[:, None], config_for(source, **flags))

    assert str(refused.value) == said


def test_a_transform_for_all_is_of_those_that_take_it(tmp_path: Path) -> None:
    x = np.column_stack([np.linspace(1, 2, 24), [0, 1] * 12])
    source = csv_file(tmp_path / "t.csv", {"a": x[:, 0].tolist(), "b": [0, 1] * 12})

    fitted = fit_transforms(load(source), x, config_for(source, transform=["log"]))

    assert [feature.transform for feature in fitted.features] == ["log", "none"]


@pytest.mark.parametrize(
    ("images", "kind", "low", "high"),
    [
        (grey_images(), "pixel", 0, 255),
        (grey_images() / 255, "unit_interval", 0, 1),
        (grey_images() * 0.99, "real", 0, 255),
        (np.minimum(grey_images(), 16), "pixel", 0, 16),
        (grey_images() * 1.0 - 100, "real", -100, 155),
    ],
)
def test_grey_values_under_a_continuous_bernoulli_span_their_scale(
    tmp_path: Path, images: np.ndarray, kind: str, low: float, high: float
) -> None:
    images[0, 0, :2] = images.min(), images.max()
    source = npy_file(tmp_path / "t.npy", images)
    dataset = load(source, likelihood="continuous_bernoulli")

    fitted = fit_transforms(dataset, images, config_for(source))

    assert {feature.kind for feature in fitted.features} == {kind}
    assert {feature.transform for feature in fitted.features} == {"none" if high == 1 else "affine"}
    assert set(fitted.shift) == {low}
    assert set(fitted.shift + fitted.scale) == {high}
