"""Which kind a feature is taken for, and what the flags change about it."""

from pathlib import Path

import numpy as np
import pytest

from tests.sources import ROWS, csv_file, grey_images, kinds_of, load, npy_file, numbers, refusal


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([0, 1], "binary"),
        ([0.0, 1.0], "binary"),
        ([1, 5], "ordinal"),
        ([0, 31], "ordinal"),
        ([0, 32], "count"),
        ([0, 0, 0, 1000], "real"),  # a mean of 250
        ([0] * 23 + [1000], "count"),
        ([0] * 23 + [1001], "real"),
        ([1, 32], "real"),
        ([-1, 0, 1], "real"),
        ([1.0, 5.0], "real"),
        ([1, 2.5], "real"),
        ([7], "real"),
        ([0], "real"),
    ],
)
def test_the_kind_of_a_column_follows_the_documented_rule(
    tmp_path: Path, cells: list[float], kind: str
) -> None:
    source = csv_file(tmp_path / "t.csv", {"a": (cells * ROWS)[:ROWS]})

    assert kinds_of(load(source)) == [kind]


@pytest.mark.parametrize(
    ("cell", "dtype", "kind", "levels"),
    [
        (16, "uint8", "pixel", 17),
        (32, "uint8", "pixel", 256),
        (16, "float64", "pixel", 17),
        (255, "float32", "pixel", 256),
        (1, "uint8", "binary", None),
        (0.5, "float64", "unit_interval", None),
        (2.5, "float64", "real", None),
        (300, "int64", "real", None),
        (-1, "int8", "real", None),
    ],
)
def test_the_cells_of_images_are_of_one_kind(
    tmp_path: Path, cell: float, dtype: str, kind: str, levels: int | None
) -> None:
    images = np.zeros((ROWS, 2, 2), dtype=dtype)
    images[0, 0, 0], images[0, 0, 1] = cell, 1

    features = load(npy_file(tmp_path / "t.npy", images)).features

    assert {(feature.kind, feature.levels) for feature in features} == {(kind, levels)}


@pytest.mark.parametrize(
    ("columns", "kinds"),
    [
        (([0, 1], [0, 1]), ["binary", "binary"]),
        (([0, 1], [0, 5]), ["ordinal", "ordinal"]),
        (([0, 0], [0, 5]), ["ordinal", "ordinal"]),
        (([0, 1], [0, 40]), ["count", "count"]),
        (([0, 1], [0, 500]), ["binary", "real"]),
        (([0, 5], [-1, 1]), ["ordinal", "real"]),
    ],
)
def test_small_integers_of_one_array_are_of_one_kind(
    tmp_path: Path, columns: tuple[list[int], list[int]], kinds: list[str]
) -> None:
    array = np.column_stack([column * 12 for column in columns])

    assert kinds_of(load(npy_file(tmp_path / "t.npy", array))) == kinds


def test_ordinals_of_one_array_share_their_levels_and_those_of_a_table_do_not(
    tmp_path: Path,
) -> None:
    columns = {"a": [0, 2] * 12, "b": [0, 5] * 12}
    table = csv_file(tmp_path / "t.csv", columns)
    array = npy_file(tmp_path / "t.npy", np.column_stack(list(columns.values())))

    assert [feature.levels for feature in load(table).features] == [3, 6]
    assert [feature.levels for feature in load(array).features] == [6, 6]


def test_flat_bytes_are_pixels(tmp_path: Path) -> None:
    array = grey_images().reshape(ROWS, 16)

    assert set(kinds_of(load(npy_file(tmp_path / "t.npy", array)))) == {"pixel"}


def test_grey_from_zero_to_one_is_continuous_bernoulli(tmp_path: Path) -> None:
    images = npy_file(tmp_path / "t.npy", grey_images() / 255)

    assert {feature.likelihood for feature in load(images).features} == {"continuous_bernoulli"}


@pytest.mark.parametrize(
    ("likelihood", "kind"),
    [
        ("gaussian", "real"),
        ("laplace", "real"),
        ("student_t", "real"),
        ("continuous_bernoulli", "unit_interval"),
        ("bernoulli", "binary"),
        ("discretized_logistic", "ordinal"),
        ("categorical", "categorical"),
        ("poisson", "count"),
        ("negative_binomial", "count"),
    ],
)
def test_a_forced_likelihood_changes_the_kind(tmp_path: Path, likelihood: str, kind: str) -> None:
    source = csv_file(tmp_path / "t.csv", {"a": [0, 1] * 12})

    (feature,) = load(source, likelihood=likelihood).features

    assert (feature.kind, feature.likelihood) == (kind, likelihood)


def test_a_forced_likelihood_of_its_own_leaves_a_kind_alone(tmp_path: Path) -> None:
    images = npy_file(tmp_path / "t.npy", grey_images())

    feature = load(images, likelihood="categorical").features[0]

    assert (feature.kind, feature.levels, feature.likelihood) == ("pixel", 256, "categorical")


def test_a_forced_logistic_has_one_scale_for_all_columns(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"a": [0, 2] * 12, "b": [0, 100] * 12})

    features = load(source, likelihood="discretized_logistic").features

    assert [feature.levels for feature in features] == [101, 101]


def test_a_column_is_given_another_kind(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"a": [0, 4] * 12, "b": [0, 4] * 12})

    assert kinds_of(load(source, kind=["a=count"])) == ["count", "ordinal"]


def test_codes_of_an_array_are_named_by_themselves(tmp_path: Path) -> None:
    array = np.column_stack([[0, 3] * 12, numbers()])

    features = load(npy_file(tmp_path / "t.npy", array), kind=["x[0]=categorical"]).features

    assert features[0].categories == ("0", "1", "2", "3")


def test_a_kind_and_a_likelihood_for_all_must_agree(tmp_path: Path) -> None:
    source = csv_file(tmp_path / "t.csv", {"a": [0, 4] * 12})

    assert refusal(source, kind=["a=count"], likelihood="gaussian") == (
        "--kind a=count needs --likelihood negative_binomial; gaussian was given for all."
    )
    assert kinds_of(load(source, kind=["a=count"], likelihood="poisson")) == ["count"]


@pytest.mark.parametrize(
    ("kind", "cell", "said"),
    [
        ("count", "-1", "-1 came; kind count needs a whole number of at least 0."),
        ("count", "0.5", "0.5 came; kind count needs a whole number of at least 0."),
        ("ordinal", "2.5", "2.5 came; kind ordinal needs a whole number from 0 to 65,535."),
        ("pixel", "1e9", "1000000000 came; kind pixel needs a whole number from 0 to 65,535."),
        ("binary", "2", "2 came; kind binary needs 0 or 1."),
        ("unit_interval", "1.5", "1.5 came; kind unit_interval needs a number from 0 to 1."),
    ],
)
def test_a_value_outside_its_kind_is_named(tmp_path: Path, kind: str, cell: str, said: str) -> None:
    source = csv_file(tmp_path / "t.csv", {"a": [*[0, 1] * 12, cell]})

    assert refusal(source, kind=[f"a={kind}"]) == f"t.csv, row 25 (line 26), column 'a': {said}"


def test_grey_pixels_are_no_bernoulli_data(tmp_path: Path) -> None:
    images = np.zeros((ROWS, 2, 2), dtype=np.uint8)
    images[3, 1, 0] = 153

    assert refusal(npy_file(tmp_path / "t.npy", images), likelihood="bernoulli") == (
        "t.npy, row 4, feature 'x[1,0]': 153 came; kind binary needs 0 or 1, "
        "or --binarize dynamic, static or threshold for grey values."
    )


@pytest.mark.parametrize("flags", [{"ignore": "x[0,0]"}, {"kind": ["x[0,0]=real"]}])
def test_images_have_no_columns_to_name(tmp_path: Path, flags: dict[str, object]) -> None:
    source = npy_file(tmp_path / "t.npy", grey_images())

    assert refusal(source, **flags).startswith("--ignore and --kind name columns;")
