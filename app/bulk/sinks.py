"""Answers in the making: nobody sees them under their name before they are whole."""

import fcntl
import os
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from app.bulk.added import Added
from app.bulk.blocks import Block, Layout, written
from app.bulk.errors import RefusedError
from app.bulk.scoring import Verdicts
from model_store.durable import sync_folder


class Sink(ABC):
    """A file of rows with verdicts, which can be left off and gone on with.

    Args:
        out: What it is called once it is whole.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.part = out.with_name(f"{out.name}.part")

    @abstractmethod
    def open(self, mark: int) -> None:
        """Takes what is there up to a mark; 0 is a new beginning.

        Raises:
            RefusedError: somebody else writes it.
        """

    @abstractmethod
    def has(self, mark: int) -> bool:
        """Whether there is something to go on with up to a mark."""

    @abstractmethod
    def write(self, block: Block, verdicts: Verdicts) -> None:
        """Adds rows."""

    @abstractmethod
    def commit(self) -> int:
        """Puts on the disk what was written; the mark behind it."""

    @abstractmethod
    def finish(self) -> None:
        """Gives it its name."""

    @abstractmethod
    def close(self) -> None:
        """Lets go of it, finished or not."""


class CsvSink(Sink):
    """The lines as they came, with cells at their ends.

    Args:
        out: The file.
        layout: How the source writes its rows.
        added: The columns at their ends.
    """

    def __init__(self, out: Path, layout: Layout, added: Added) -> None:
        super().__init__(out)
        self._layout = layout
        self._added = added
        self._file: IO[bytes]

    def has(self, mark: int) -> bool:
        """Whether the file is as long."""
        return self.part.is_file() and self.part.stat().st_size >= mark

    def open(self, mark: int) -> None:
        """Cuts off what is behind the mark, or writes the header."""
        # Appending: the file may be somebody's until it is locked.
        self._file = self.part.open("ab")
        lock(self._file, self.out.name)
        if self._file.tell() != mark:
            self._file.truncate(mark)
        if not mark:
            layout = self._layout
            (added,) = written([self._added.kinds], layout.separator)
            line = f"{layout.mark}{layout.header}{layout.separator}{added}{layout.line_end}"
            self._file.write(line.encode())

    def write(self, block: Block, verdicts: Verdicts) -> None:
        """Adds lines."""
        separator, end = self._layout.separator, self._layout.line_end
        columns = map(_texts, self._added.cells(verdicts))
        added = written(zip(*columns, strict=True), separator)
        lines = [
            f"{line}{separator}{cells}{end}"
            for line, cells in zip(block.lines(), added, strict=True)
        ]
        self._file.write("".join(lines).encode())

    def commit(self) -> int:
        """The length of the file."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def finish(self) -> None:
        """Renames it."""
        self.commit()
        self.part.replace(self.out)
        sync_folder(self.out.absolute().parent)

    def close(self) -> None:
        """What was not committed may be there or not."""
        # What a full disk has not taken it will not take now; that has been told.
        with suppress(OSError):
            self._file.close()


def lock(file: IO[bytes], name: str) -> None:
    """Keeps a file from others until it is closed.

    Raises:
        RefusedError: another process has it.
    """
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise RefusedError(f"{name} is being written by another vae-score.") from None


def _texts(column: list[Any]) -> list[Any]:
    """The cells of a column as CSV takes them."""
    if column and isinstance(column[0], bool):
        return ["true" if flag else "false" for flag in column]
    return column
