"""Which transforms are chosen, which can be asked for, and what they are fitted on."""

from pathlib import Path

import numpy as np
import pytest

from tests.sources import config_for, csv_file, grey_images, load, npy_file
from training.data import FittedTransforms, fit_transforms
from training.errors import DataError

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


def test_a_held_out_value_without_a_logarithm_leaves_its_column_standardised(
    tmp_path: Path,
) -> None:
    x = LAWS["lognormal"](np.random.default_rng(0))
    x[250] = 0
    dataset = load(csv_file(tmp_path / "t.csv", {"a": x.tolist()}))

    fitted = fit_transforms(dataset, x[:200, None], config_for("t.csv"))

    assert fitted.features[0].transform == "standardise"
    assert fitted.shift == pytest.approx(x[:200].mean())
    assert fitted.notes == (
        (
            "t.csv, row 251 (line 252), column 'a': 0 came; the training rows, all above 0, were "
            "better taken by their logarithm, but 'a' is standardised."
        ),
    )


def test_a_held_out_value_below_the_offset_leaves_its_column_standardised(tmp_path: Path) -> None:
    x = LAWS["zeros"](np.random.default_rng(0))
    x[250] = -258
    dataset = load(csv_file(tmp_path / "t.csv", {"a": x.tolist()}))

    fitted = fit_transforms(dataset, x[:200, None], config_for("t.csv"))

    assert fitted.features[0].transform == "standardise"
    assert fitted.offset == [0.0]


def test_a_held_out_value_without_the_logarithm_asked_for_is_refused(tmp_path: Path) -> None:
    x = LAWS["lognormal"](np.random.default_rng(0))
    x[250] = 0
    dataset = load(csv_file(tmp_path / "t.csv", {"a": x.tolist()}))

    with pytest.raises(DataError) as refused:
        fit_transforms(dataset, x[:200, None], config_for("t.csv", transform="a=log"))

    assert str(refused.value) == (
        "t.csv, row 251 (line 252), column 'a': 0 came; --transform a=log needs a number above 0."
    )


@pytest.mark.parametrize(("levels", "transform"), [(31, "standardise"), (32, "log")])
def test_no_logarithm_is_chosen_for_numbers_from_a_short_list(
    tmp_path: Path, levels: int, transform: str
) -> None:
    x = np.geomspace(1, 1e3, levels)[np.arange(300) % levels]

    fitted = fit_column(tmp_path, x)

    assert fitted.features[0].transform == transform


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
                "--transform a=affine was given; a feature of kind real with likelihood gaussian "
                "needs standardise or log or log1p."
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
