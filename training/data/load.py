"""From what the user names to a checked Dataset: find the reader, then decide what was read."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from training.config import TrainingConfig
from training.data.arrays import read_npy, read_npz
from training.data.binarize import binarized
from training.data.builtin import BUILT_IN, read_built_in
from training.data.csv_files import read_csv
from training.data.dataset import Dataset
from training.data.features import check_values, decide_kinds, make_features
from training.data.gaps import check_observed, without_empty_rows
from training.data.images import read_images
from training.data.kinds import facts_of, infer_kinds
from training.data.reading import Reading, check_finite, readable, without_columns
from training.data.tables import read_parquet
from training.errors import DataError

_Reader = Callable[[Path, TrainingConfig], Reading]

_READERS: Mapping[str, _Reader] = {
    ".csv": read_csv,
    ".csv.gz": read_csv,
    ".tsv": read_csv,
    ".tsv.gz": read_csv,
    ".parquet": read_parquet,
    ".npy": read_npy,
    ".npz": read_npz,
}


def load_dataset(config: TrainingConfig) -> Dataset:
    """The rows of `config.source`, checked, with the kind and likelihood of every feature.

    Raises:
        DataError: the source cannot be trained on as it is.
        DataUnavailableError: the operating system would not hand it over.
    """
    reading = _read(config)
    check_finite(reading)
    check_observed(reading)
    reading = without_empty_rows(reading)
    facts = facts_of(reading)
    kinds = decide_kinds(reading, infer_kinds(reading, facts), facts, config)
    if config.binarize == "none":
        check_values(reading, kinds, config)
    else:
        reading = binarized(reading, config.binarize, config.seed)
    return Dataset(
        source=reading.source,
        default_name=reading.default_name,
        x=reading.x,
        features=make_features(reading, kinds, facts, config),
        test=reading.test,
        binarize=config.binarize,
        notes=reading.notes,
        place=reading.place,
    )


def _read(config: TrainingConfig) -> Reading:
    path = Path(config.source).expanduser()
    if config.source in BUILT_IN:
        _refuse_flags(config, config.source, ())
        return _noting_namesake(without_columns(read_built_in(config.source), config), path)
    with readable(config.source):
        is_folder, exists = path.is_dir(), path.exists()
    if is_folder:
        _refuse_flags(config, path.name, ("size",))
        return without_columns(read_images(path, config), config)
    if not exists:
        raise DataError(
            f"{config.source} is no file or folder; needed one, or a built-in set: "
            f"{', '.join(BUILT_IN)}."
        )
    reader = _reader_for(path)
    _refuse_flags(config, path.name, ("key", "test_key") if reader is read_npz else ())
    reading = reader(path, config)
    # Tables leave ignored columns out while reading: those may hold what no model could take.
    return reading if reading.is_table else without_columns(reading, config)


def _reader_for(path: Path) -> _Reader:
    for ending, reader in _READERS.items():
        if path.name.lower().endswith(ending):
            return reader
    raise DataError(
        f"{path.name} is of no known kind; needed {', '.join(_READERS)} or a folder of images."
    )


def _refuse_flags(config: TrainingConfig, source: str, allowed: tuple[str, ...]) -> None:
    """Refuses a flag that means nothing for this kind of source, rather than ignore it."""
    for flag, needed in (("key", "a .npz file"), ("test_key", "a .npz file"), ("size", "a folder")):
        if getattr(config, flag) is not None and flag not in allowed:
            raise DataError(
                f"--{flag.replace('_', '-')} needs {needed} as source; {source} is none."
            )


def _noting_namesake(reading: Reading, path: Path) -> Reading:
    """A built-in set goes by its bare name, so that a name means the same in every folder."""
    if not path.exists():
        return reading
    note = f"{path} is the built-in set; the file or folder of that name here is ./{path}."
    return replace(reading, notes=(*reading.notes, note))
