"""Which kind of file is which: by the ends of their names."""

from pathlib import Path

from app.bulk.added import Added
from app.bulk.blocks import Source
from app.bulk.csv_file import CsvSource
from app.bulk.errors import PARQUET_NEEDED, RefusedError
from app.bulk.npy_file import NpySource
from app.bulk.sinks import CsvSink, Sink
from app.wire.columns import columns_of
from model_store.schema import ModelSchema

_TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
_TAKEN = ".csv, .tsv, .txt (each also with .gz), .parquet or .npy"


def check_paths(rows: Path, out: Path) -> None:
    """Nothing, if one can be read and the other written.

    Raises:
        RefusedError: a name of no kind, no such file or folder, or one file for both.
    """
    if not _ends(rows, (*_TABLES, ".parquet", ".npy")):
        raise RefusedError(f"{rows.name} is of no kind that is read; {_TAKEN} is needed.")
    if not _ends(out, (".csv", ".parquet")):
        raise RefusedError(f"--out is {out.name}; a name that ends in .csv or .parquet is needed.")
    if not rows.is_file():
        raise RefusedError(f"{rows} is no file; one is needed.")
    if not out.absolute().parent.is_dir():
        raise RefusedError(f"{out.parent} is no folder; one is needed to write into.")
    if out.is_dir():
        raise RefusedError(f"--out {out} is a folder; the name of a file is needed.")
    if out.exists() and out.samefile(rows):
        raise RefusedError(f"--out is {rows.name} itself; another name is needed.")


def source_of(path: Path, model: ModelSchema) -> Source:
    """The rows of a file.

    Raises:
        RefusedError: they are not the model's.
        UnavailableError: they cannot be read.
    """
    if _ends(path, (".npy",)):
        return NpySource(path, model.event_shape)
    if len(model.event_shape) > 1:
        raise RefusedError(
            f"{path.name} is a table; this model takes rows of shape {model.event_shape}, and an "
            ".npy file is needed."
        )
    columns = columns_of(model.features)
    if _ends(path, _TABLES):
        return CsvSource(path, columns)
    try:
        from app.bulk.parquet_file import ParquetSource  # noqa: PLC0415 - polars is an extra
    except ModuleNotFoundError:
        raise RefusedError(PARQUET_NEEDED) from None
    return ParquetSource(path, columns)


def sink_of(path: Path, source: Source, explain: int = 0) -> Sink:
    """What writes an answer that repeats the columns of a source.

    Args:
        path: The answer.
        source: What is answered.
        explain: How many features of each row are named.

    Raises:
        RefusedError: it needs a library that is not there.
    """
    added = Added.beside(source.names, explain)
    if _ends(path, (".csv",)):
        return CsvSink(path, source.layout, added)
    try:
        from app.bulk.parquet_sink import ParquetSink  # noqa: PLC0415 - polars is an extra
    except ModuleNotFoundError:
        raise RefusedError(PARQUET_NEEDED) from None
    return ParquetSink(path, source.names, added)


def _ends(path: Path, suffixes: tuple[str, ...]) -> bool:
    return path.name.lower().endswith(suffixes)
