"""What keeps a file from being scored: one sentence each, which says whose turn it is.

BulkError
├── RefusedError        the user's: the file, the model or an option must be another
└── UnavailableError    the world's: the operating system would not read or write a file
"""

from collections.abc import Iterator
from contextlib import contextmanager

from model_store.csv_records import CsvError

PARQUET_NEEDED = "Parquet files need polars; pip install 'vae-service[parquet]' is needed."


class BulkError(Exception):
    """A file cannot be scored."""


class RefusedError(BulkError):
    """A file, a model or an option that the user must change."""


class UnavailableError(BulkError):
    """A file that the operating system would not read or write."""


@contextmanager
def told(name: str, deed: str) -> Iterator[None]:
    """Says whose turn it is when a file is no CSV or the operating system will not have it.

    Args:
        name: The file's name.
        deed: What was to be done with it: "read", "written".

    Raises:
        RefusedError: there is no such file, or it is no CSV.
        UnavailableError: it would not.
    """
    try:
        yield
    except CsvError as error:
        raise RefusedError(str(error)) from None
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        reason = error.strerror or "no such file"
        raise RefusedError(f"{name} cannot be {deed}: {reason}.") from None
    except OSError as error:
        reason = error.strerror or "input/output error"
        raise UnavailableError(f"{name} cannot be {deed}: {reason}.") from None
