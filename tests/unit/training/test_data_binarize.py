"""Grey values made 0 and 1: drawn anew, drawn once, or cut."""

from pathlib import Path

import numpy as np
import pytest

from tests.sources import ROWS, grey_images, load, npy_file, refusal
from training.data import Dataset, split_rows
from training.data.binarize import Stream, cut_pixels, draw_pixels


def binarized(tmp_path: Path, array: np.ndarray, how: str, **flags: object) -> Dataset:
    source = npy_file(tmp_path / "t.npy", array)
    return load(source, likelihood="bernoulli", binarize=how, **flags)


@pytest.mark.parametrize(
    ("array", "top"),
    [(grey_images(), 255), (grey_images() % 17, 16), (grey_images() / 255, 1)],
    ids=["bytes", "levels", "unit"],
)
def test_dynamic_keeps_grey_values_between_0_and_1(
    tmp_path: Path, array: np.ndarray, top: int
) -> None:
    dataset = binarized(tmp_path, array, "dynamic")

    assert dataset.binarize == "dynamic"
    assert dataset.x.dtype == np.float32
    assert np.allclose(dataset.x, array / top)


@pytest.mark.parametrize("how", ["dynamic", "static", "threshold"])
def test_the_model_sees_binary_features(tmp_path: Path, how: str) -> None:
    features = binarized(tmp_path, grey_images(), how).features

    assert {(f.kind, f.likelihood, f.levels) for f in features} == {("binary", "bernoulli", None)}


def test_static_draws_once_for_each_seed(tmp_path: Path) -> None:
    once, again = (binarized(tmp_path, grey_images(), "static", seed=1).x for _ in range(2))
    other = binarized(tmp_path, grey_images(), "static", seed=2).x

    assert set(np.unique(once)) == {0, 1}
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_threshold_cuts_at_the_middle_grey() -> None:
    assert cut_pixels(np.array([0.0, 0.499, 0.5, 1.0])).tolist() == [0, 0, 1, 1]


def test_a_grey_value_is_the_probability_of_1() -> None:
    pixels = draw_pixels(np.full((100_000, 2), [0.2, 0.7]), 0, Stream.ROWS)

    assert pixels.mean(axis=0) == pytest.approx([0.2, 0.7], abs=0.01)


def test_black_and_white_are_certain() -> None:
    grey = np.array([[0.0, 1.0]] * 1000, dtype=np.float32)

    assert np.array_equal(draw_pixels(grey, 0, Stream.ROWS), grey)


def test_streams_of_one_seed_differ() -> None:
    grey = np.full((100, 10), 0.5)

    assert not np.array_equal(
        draw_pixels(grey, 0, Stream.TEST), draw_pixels(grey, 0, Stream.VALIDATION)
    )


@pytest.mark.parametrize("value", [-0.5, 1.5, 256])
def test_other_numbers_are_no_grey_values(tmp_path: Path, value: float) -> None:
    array = np.zeros((ROWS, 2))
    array[1, 1] = value

    source = npy_file(tmp_path / "t.npy", array)

    assert refusal(source, likelihood="bernoulli", binarize="static") == (
        f"t.npy, row 2, column 'x[1]': {value:g} came; "
        "--binarize needs grey values, from 0 to 1 or whole numbers from 0 to 255."
    )


def test_with_dynamic_only_training_rows_stay_grey(tmp_path: Path) -> None:
    dataset = binarized(tmp_path, grey_images(), "dynamic")

    split, again = (
        split_rows(dataset, validation_fraction=0.2, test_fraction=0.2, seed=3) for _ in range(2)
    )

    assert len(np.unique(split.train)) > 2
    assert set(np.unique(split.validation)) == set(np.unique(split.test)) == {0, 1}
    assert np.array_equal(split.test, again.test)


@pytest.mark.parametrize("how", ["dynamic", "static", "threshold"])
def test_a_missing_pixel_is_neither_0_nor_1(tmp_path: Path, how: str) -> None:
    grey = grey_images() / 255
    grey[::2, 1, 2] = np.nan

    split = split_rows(
        binarized(tmp_path, grey, how), validation_fraction=0.2, test_fraction=0.2, seed=3
    )

    parts = np.concatenate([split.train, split.validation, split.test])
    assert np.isnan(parts).sum() == np.isnan(parts[:, 1, 2]).sum() == ROWS // 2
    assert set(np.unique(split.test[~np.isnan(split.test)])) == {0, 1}


def test_gaps_leave_the_draws_of_other_pixels_alone() -> None:
    grey = np.full((100, 10), 0.5)
    gaps = np.where(np.arange(10) == 3, np.nan, grey)

    whole, rest = (draw_pixels(x, 0, Stream.ROWS) for x in (grey, gaps))

    assert np.array_equal(np.delete(whole, 3, axis=1), np.delete(rest, 3, axis=1))


@pytest.mark.parametrize("how", ["static", "threshold"])
def test_held_out_rows_are_made_binary_too(tmp_path: Path, how: str) -> None:
    np.savez(tmp_path / "t.npz", X=grey_images(), T=grey_images(4))

    dataset = load(tmp_path / "t.npz", key="X", test_key="T", likelihood="bernoulli", binarize=how)

    assert dataset.test is not None
    assert set(np.unique(dataset.test)) == {0, 1}
