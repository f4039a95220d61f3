"""Rows from NumPy's own files: the array of a .npy, a chosen one of a .npz."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from training.config import TrainingConfig
from training.data.reading import Reading, cell_names, check_size, model_name, readable
from training.errors import DataError

MAX_AXES = 5

_KEPT_DTYPES = ("u1", "i1", "i2", "i4", "i8", "f4", "f8")
# PyTorch computes with few unsigned types, and half precision holds no column of thousands.
_WIDENED_DTYPES = {"b1": "u1", "u2": "i4", "u4": "i8", "u8": "f8", "f2": "f4"}


def read_npy(path: Path, _: TrainingConfig) -> Reading:
    """The array of a .npy file.

    Raises:
        DataError: no such file, or no numbers in rows.
        DataUnavailableError: the file cannot be read.
    """
    with _well_formed(path.name):
        array = np.load(path, allow_pickle=False)
    if isinstance(array, NpzFile):
        array.close()
        raise DataError(f"{path.name} is an archive of arrays; its name must end in .npz.")
    return _make_reading(path, array, test=None)


def read_npz(path: Path, config: TrainingConfig) -> Reading:
    """The array `--key` of a .npz file, or its only one, and with `--test-key` the held-out rows.

    Raises:
        DataError: no such file or array, several to choose from, or no numbers in rows.
        DataUnavailableError: the file cannot be read.
    """
    with _well_formed(path.name):
        archive = np.load(path, allow_pickle=False)
    if not isinstance(archive, NpzFile):
        raise DataError(f"{path.name} holds one array and no archive; its name must end in .npy.")
    with archive:
        array = _array(path.name, archive, "--key", config.key)
        if config.test_key is None:
            return _make_reading(path, array, test=None)
        test = _array(path.name, archive, "--test-key", config.test_key)
    return _make_reading(path, array, test=test)


def _array(source: str, archive: NpzFile, flag: str, key: str | None) -> np.ndarray:
    if key is None and len(archive.files) == 1:
        key = archive.files[0]
    if key not in archive.files:
        came = "no --key" if key is None else f"{flag} {key}"
        raise DataError(f"{source} came with {came}; needed one of {', '.join(archive.files)}.")
    with _well_formed(source):
        array = archive[key]
    if not isinstance(array, np.ndarray):
        raise DataError(f"{source}: {key} is no array; an array of numbers is needed.")
    return array


def _make_reading(path: Path, array: np.ndarray, *, test: np.ndarray | None) -> Reading:
    x, whole = _as_rows(path.name, array)
    check_size(path.name, x)
    if test is not None:
        test, _ = _as_rows(f"{path.name}, test rows", test)
        if test.shape[1:] != x.shape[1:] or not len(test):
            raise DataError(
                f"{path.name}: the test rows have shape {test.shape}; "
                f"needed (rows, {', '.join(map(str, x.shape[1:]))})."
            )
    names = cell_names(x.shape[1:])
    return Reading(path.name, model_name(path), x, names, np.full(len(names), whole), test=test)


def _as_rows(what: str, array: np.ndarray) -> tuple[np.ndarray, bool]:
    """The array in a type to compute with, and whether it holds whole numbers.

    Raises:
        DataError: no numbers, or not in rows.
    """
    if not 2 <= array.ndim <= MAX_AXES:
        raise DataError(
            f"{what}: the array has shape {array.shape}; "
            f"needed rows first, then 1 to {MAX_AXES - 1} axes of features."
        )
    native = array.dtype.newbyteorder("=")
    code = native.str[1:]
    if code not in _KEPT_DTYPES and code not in _WIDENED_DTYPES:
        raise DataError(
            f"{what}: the array is of type {native.name}; "
            f"integers or floats of at most 64 bits are needed."
        )
    wanted = np.dtype(_WIDENED_DTYPES.get(code, code))
    return array.astype(wanted, copy=False), native.kind in "biu"


@contextmanager
def _well_formed(source: str) -> Iterator[None]:
    """Turns what NumPy says of a broken file into one sentence.

    Raises:
        DataError: the file is broken, or holds Python objects.
        DataUnavailableError: the file cannot be read.
    """
    try:
        with readable(source):
            yield
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        if "Object arrays" in str(error):
            raise DataError(
                f"{source} holds Python objects, as a ragged array does; "
                f"numbers in an array of one shape are needed."
            ) from None
        raise DataError(
            f"{source} is empty, damaged or no file of NumPy's; one is needed."
        ) from None
