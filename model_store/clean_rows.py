"""Rows of a file as a model takes them: CSV by the features' names, NumPy arrays by their shape."""

import csv
import gzip
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model_store.cell_texts import code_in, number_in
from model_store.errors import InputError, StorageError, SupportError
from model_store.schema import Feature, ModelSchema
from model_store.vae.model import VAE

_DELIMITERS = (",", ";", "\t")
_NAMES_SHOWN = 6


@dataclass(frozen=True, eq=False)
class CleanRows:
    """Rows that were read.

    Args:
        x: In data units, float64, shape (rows, *event); NaN where a value is missing.
        ignored: Columns of the file that are no features.
    """

    x: Tensor
    ignored: tuple[str, ...] = ()


def read_rows(path: Path, model: ModelSchema, *, key: str | None = None) -> CleanRows:
    """The rows of a .csv, .csv.gz, .npy or .npz file.

    Args:
        path: The file.
        model: Whose rows they are.
        key: The array of an archive that holds several.

    Raises:
        InputError: the file holds no rows of this model.
        StorageError: it cannot be read.
    """
    names = path.name.lower()
    with _readable():
        if names.endswith((".csv", ".csv.gz")):
            rows = _read_csv(path, model)
        elif names.endswith((".npy", ".npz")):
            rows = CleanRows(_read_array(path, key))
        else:
            raise InputError("Its name ends in neither .csv, .csv.gz, .npy nor .npz.")
    if rows.x.shape[1:] != model.event_shape:
        raise InputError(
            f"It holds an array of shape {tuple(rows.x.shape)}; needed "
            f"(rows, {', '.join(map(str, model.event_shape))})."
        )
    if not len(rows.x):
        raise InputError("It holds no rows; at least one is needed.")
    return rows


def check_support(vae: VAE, rows: Tensor, features: Sequence[Feature]) -> None:
    """Nothing, if the model takes every value.

    Raises:
        InputError: it does not, with the name of the feature.
    """
    try:
        vae.to_model_units(rows)
    except SupportError as error:
        name = features[error.feature].name
        raise InputError(
            f"Row {error.row + 1}, {name!r} is {error.value:g}; needed {error.needed}."
        ) from None


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, IsADirectoryError):
        raise InputError("There is no such file.") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"Byte {error.start} is no UTF-8; a CSV file in UTF-8 is needed."
        ) from None
    except csv.Error:
        raise InputError("A quotation mark is not closed, or closed too early.") from None
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError, ValueError):
        raise InputError("It is damaged, or not what its name says.") from None
    except OSError as error:
        raise StorageError(f"The data cannot be read: {error.strerror}.") from None


def _read_array(path: Path, key: str | None) -> Tensor:
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return _numbers_of(loaded)
    with loaded:
        keys = [key] if key else loaded.files
        if len(keys) != 1 or keys[0] not in loaded.files:
            held = ", ".join(map(repr, loaded.files[:_NAMES_SHOWN]))
            raise InputError(f"It holds the arrays {held}; --key needs to name one of them.")
        return _numbers_of(loaded[keys[0]])


def _numbers_of(array: np.ndarray) -> Tensor:
    if array.dtype.kind not in "biuf" or array.ndim < 2:
        raise InputError(
            f"It holds an array of {array.dtype} with {array.ndim} axes; needed rows of numbers."
        )
    x = array.astype(np.float64)
    if np.isinf(x).any():
        raise InputError("It holds an infinity; needed finite numbers, or NaN where missing.")
    return torch.from_numpy(x)


def _read_csv(path: Path, model: ModelSchema) -> CleanRows:
    packed = path.suffix.lower() == ".gz"
    with (
        gzip.open(path) if packed else path.open("rb") as raw,
        TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text,
    ):
        delimiter = max(_DELIMITERS, key=text.readline().count)
        text.seek(0)
        reader = csv.reader(text, delimiter=delimiter, strict=True, skipinitialspace=True)
        header = [name.strip() for name in next(reader, [])]
        columns = _columns(header, model.features)
        x = [
            [_value(line[place], column, reader.line_num) for place, column in columns]
            for line in reader
            if _is_row(line, len(header), reader.line_num)
        ]
    known = {feature.name for feature in model.features}
    numbers = np.array(x, dtype=np.float64).reshape(len(x), len(columns))
    return CleanRows(torch.from_numpy(numbers), tuple(n for n in header if n not in known))


def _columns(header: Sequence[str], features: Sequence[Feature]) -> list[tuple[int, "_Column"]]:
    """The place of each feature in a line, in the order of a row."""
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        if name in places:
            raise InputError(f"Its first line names {name!r} twice; needed it once.")
        places[name] = place
    missing = [feature.name for feature in features if feature.name not in places]
    if missing:
        names = ", ".join(map(repr, missing[:_NAMES_SHOWN]))
        more = f" and {len(missing) - _NAMES_SHOWN:,} more" if len(missing) > _NAMES_SHOWN else ""
        raise InputError(f"Its first line lacks {names}{more}; every feature is needed.")
    return [(places[feature.name], _Column.of(feature)) for feature in features]


@dataclass(frozen=True)
class _Column:
    name: str
    codes: Mapping[str, int] | None

    @classmethod
    def of(cls, feature: Feature) -> "_Column":
        if feature.categories is None:
            return cls(feature.name, None)
        return cls(feature.name, {name: i for i, name in enumerate(feature.categories)})


def _is_row(line: list[str], cells: int, number: int) -> bool:
    """False for a blank line.

    Raises:
        InputError: too few or too many cells.
    """
    if not line or (len(line) == 1 and not line[0].strip()):
        return False
    if len(line) != cells:
        raise InputError(f"Line {number} has {len(line)} cells; needed {cells}, as in the first.")
    return True


def _value(cell: str, column: _Column, line: int) -> float:
    """A number or code; NaN where it is missing.

    Raises:
        InputError: no number, or no category of the model.
    """
    number = number_in(cell) if column.codes is None else code_in(cell, column.codes)
    if number is None or np.isinf(number):
        needed = "a number" if column.codes is None else "the name of one of its categories"
        raise InputError(f"Line {line}, {column.name!r} is {cell.strip()[:40]!r}; needed {needed}.")
    return number
