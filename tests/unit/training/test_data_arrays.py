"""NumPy's files: which arrays become rows, and which are refused."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.sources import ROWS, grey_images, kinds_of, load, npy_file, numbers, refusal

TABLE = np.column_stack([numbers(), numbers()])


def npz_file(path: Path, **arrays: object) -> Path:
    np.savez(path, **{name: np.asarray(array) for name, array in arrays.items()})
    return path


def test_columns_of_an_array_are_numbered(tmp_path: Path) -> None:
    dataset = load(npy_file(tmp_path / "t.npy", TABLE))

    assert [feature.name for feature in dataset.features] == ["x[0]", "x[1]"]
    assert np.array_equal(dataset.x, TABLE)


def test_cells_of_an_image_are_named_by_their_indices(tmp_path: Path) -> None:
    dataset = load(npy_file(tmp_path / "t.npy", grey_images()))

    assert dataset.event_shape == (4, 4)
    assert dataset.features[7].name == "x[1,3]"


@pytest.mark.parametrize(
    ("came", "kept"),
    [
        ("u1", "u1"),
        ("i8", "i8"),
        ("f4", "f4"),
        (">f8", "f8"),
        ("?", "u1"),
        ("u2", "i4"),
        ("f2", "f4"),
    ],
)
def test_an_array_keeps_a_type_that_torch_computes_with(
    tmp_path: Path, came: str, kept: str
) -> None:
    array = np.arange(ROWS * 2).reshape(ROWS, 2).astype(came)

    assert load(npy_file(tmp_path / "t.npy", array)).x.dtype == np.dtype(kept)


def test_a_column_of_an_array_can_be_ignored(tmp_path: Path) -> None:
    dataset = load(npy_file(tmp_path / "t.npy", TABLE), ignore="x[0]")

    assert [feature.name for feature in dataset.features] == ["x[1]"]


def test_the_only_array_of_an_archive_needs_no_key(tmp_path: Path) -> None:
    assert load(npz_file(tmp_path / "t.npz", X=TABLE)).x.shape == TABLE.shape


def test_one_of_several_arrays_is_chosen_by_its_key(tmp_path: Path) -> None:
    source = npz_file(tmp_path / "t.npz", X=TABLE, y=numbers())

    assert load(source, key="X").x.shape == TABLE.shape
    assert refusal(source) == "t.npz came with no --key; needed one of X, y."
    assert refusal(source, key="Z") == "t.npz came with --key Z; needed one of X, y."


def test_held_out_rows_come_from_an_array_of_their_own(tmp_path: Path) -> None:
    source = npz_file(tmp_path / "t.npz", X=TABLE, T=TABLE[:3])

    test = load(source, key="X", test_key="T").test

    assert test is not None
    assert test.shape == (3, 2)


def test_held_out_rows_must_look_like_the_others(tmp_path: Path) -> None:
    source = npz_file(tmp_path / "t.npz", X=TABLE, T=TABLE[:, :1])

    assert refusal(source, key="X", test_key="T") == (
        "t.npz: the test rows have shape (24, 1); needed (rows, 2)."
    )


def test_a_held_out_row_outside_the_support_is_named(tmp_path: Path) -> None:
    source = npz_file(tmp_path / "t.npz", X=TABLE > 0, T=np.array([[0, 1], [2, 1]]))

    assert "t.npz, test row 2, column 'x[0]': 2 came; kind binary needs 0 or 1" in refusal(
        source, key="X", test_key="T"
    )


def test_levels_reach_to_the_largest_held_out_value(tmp_path: Path) -> None:
    images = np.tile(np.arange(4, dtype=np.uint8), (ROWS, 4, 1))
    source = npz_file(tmp_path / "t.npz", X=images, T=images[:2] + 4)

    assert load(source, key="X", test_key="T").features[0].levels == 8


@pytest.mark.parametrize("shape", [(), (ROWS,), (ROWS, 2, 1, 1, 1, 1)])
def test_rows_and_features_are_needed(tmp_path: Path, shape: tuple[int, ...]) -> None:
    message = refusal(npy_file(tmp_path / "t.npy", np.zeros(shape)))

    assert message == (
        f"t.npy: the array has shape {shape}; needed rows first, then 1 to 4 axes of features."
    )


@pytest.mark.parametrize("shape", [(ROWS, 0), (ROWS, 65_537)])
def test_rows_have_a_feature_but_not_too_many(tmp_path: Path, shape: tuple[int, ...]) -> None:
    message = refusal(npy_file(tmp_path / "t.npy", np.zeros(shape, dtype=np.uint8)))

    assert message == f"t.npy has {shape[1]:,} numbers in a row; from 1 to 65,536 are needed."


@pytest.mark.parametrize("dtype", ["complex128", "<U3", "S3", "datetime64[s]"])
def test_other_types_are_refused(tmp_path: Path, dtype: str) -> None:
    array = np.zeros((ROWS, 2)).astype("i8").astype(dtype)

    assert "integers or floats of at most 64 bits are needed." in refusal(
        npy_file(tmp_path / "t.npy", array)
    )


def test_a_structured_array_is_refused(tmp_path: Path) -> None:
    array = np.zeros((ROWS, 2), dtype=[("a", "f8"), ("b", "i4")])

    assert "integers or floats" in refusal(npy_file(tmp_path / "t.npy", array))


def test_a_ragged_array_is_refused_without_unpickling(tmp_path: Path) -> None:
    ragged = np.empty(ROWS, dtype=object)
    ragged[:] = [[0.0] * (1 + i % 2) for i in range(ROWS)]
    np.save(tmp_path / "t.npy", ragged, allow_pickle=True)

    assert refusal(tmp_path / "t.npy").startswith("t.npy holds Python objects, as a ragged array")


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\x93NUMPY\x01\x00"])
@pytest.mark.parametrize("name", ["t.npy", "t.npz"])
def test_what_numpy_did_not_write_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)

    assert refusal(tmp_path / name).startswith(f"{name} is empty, damaged or no file of NumPy's")


def test_a_torn_array_is_refused(tmp_path: Path) -> None:
    source = npy_file(tmp_path / "t.npy", TABLE)
    source.write_bytes(source.read_bytes()[:-8])

    assert "damaged" in refusal(source)


def test_an_archive_and_an_array_are_told_apart(tmp_path: Path) -> None:
    array = npy_file(tmp_path / "a.npy", TABLE).rename(tmp_path / "a.npz")
    archive = npz_file(tmp_path / "b.npz", X=TABLE).rename(tmp_path / "b.npy")

    assert "its name must end in .npy" in refusal(array)
    assert "its name must end in .npz" in refusal(archive)


def test_the_first_infinite_cell_is_named(tmp_path: Path) -> None:
    table = TABLE.copy()
    table[3, 1], table[4, 1] = np.nan, -np.inf

    assert refusal(npy_file(tmp_path / "t.npy", table)) == (
        "t.npy, row 5, column 'x[1]': -inf came; a finite number is needed."
    )


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_nan_is_a_missing_cell_and_the_type_stays(tmp_path: Path, dtype: str) -> None:
    table = TABLE.astype(dtype)
    table[4, 1] = np.nan

    dataset = load(npy_file(tmp_path / "t.npy", table))

    assert dataset.x.dtype == dtype
    assert dataset.missing_cells().tolist() == [0, 1]


def test_minus_one_is_a_value_like_any_other(tmp_path: Path) -> None:
    codes = np.column_stack([[0, 1, -1] * 8, [0, 1, 2] * 8])

    assert "'x[0]': -1 came; kind categorical needs a whole number" in refusal(
        npy_file(tmp_path / "t.npy", codes), kind=["x[0]=categorical"]
    )


@pytest.mark.parametrize(("top", "kind"), [(1, "binary"), (16, "pixel"), (0.5, "unit_interval")])
def test_images_may_have_missing_pixels(tmp_path: Path, top: float, kind: str) -> None:
    images = np.zeros((ROWS, 2, 2))
    images[0], images[1, 0, 0] = top, np.nan

    dataset = load(npy_file(tmp_path / "t.npy", images))

    assert set(kinds_of(dataset)) == {kind}
    assert dataset.missing_cells().tolist() == [1, 0, 0, 0]


def test_a_pixel_that_no_image_has_is_named(tmp_path: Path) -> None:
    images = np.zeros((ROWS, 2, 2))
    images[:, 1, 0] = np.nan

    assert refusal(npy_file(tmp_path / "t.npy", images)) == (
        "t.npy, feature 'x[1,0]' has no value in any row; one is needed."
    )


def test_held_out_rows_may_have_gaps_and_keep_their_places(tmp_path: Path) -> None:
    held_out = np.array([[np.nan, np.nan], [1.0, np.nan], [1.0, 7.0]])
    source = npz_file(tmp_path / "t.npz", X=TABLE > 0, T=held_out)

    message = refusal(source, key="X", test_key="T")

    assert message == "t.npz, test row 3, column 'x[1]': 7 came; kind binary needs 0 or 1."


def test_held_out_rows_without_a_value_are_left_out(tmp_path: Path) -> None:
    held_out = np.array([[np.nan, np.nan], [1.0, np.nan]])
    source = npz_file(tmp_path / "t.npz", X=TABLE, T=held_out, N=held_out[:1])

    dataset = load(source, key="X", test_key="T")

    assert dataset.missing_cells().tolist() == [0, 1]
    assert dataset.notes == ("t.npz: 1 row without any value left out.",)
    assert refusal(source, key="X", test_key="N") == (
        "t.npz has no test row with a value; one is needed."
    )


def test_counts_of_an_array_stay_counts(tmp_path: Path) -> None:
    counts = np.column_stack([[0, 1] * 12, [0, 3] * 12, [0, 0, 0, 99] * 6])

    assert kinds_of(load(npy_file(tmp_path / "t.npy", counts))) == ["count"] * 3


def test_an_archive_of_other_files_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("notes.txt", "x")

    assert refusal(tmp_path / "t.npz").startswith("t.npz: notes.txt is no array;")
