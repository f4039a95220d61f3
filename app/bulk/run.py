"""One run of `vae-score`: put together, gone on with, and brought to its end."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from app.bulk.errors import told
from app.bulk.files import check_paths, sink_of, source_of
from app.bulk.journal import Journal, Mark
from app.bulk.models import opened
from app.bulk.workers import in_order
from app.cores import available_cores

_ROWS_BETWEEN_MARKS = 2**17
_SECONDS_BETWEEN_MARKS = 5.0


@dataclass(frozen=True)
class Task:
    """What is asked for.

    Args:
        model: A model, or its version or alias.
        rows: The file to be scored.
        out: The file to be written.
        store: Folder of the models.
        score: By which score.
        rate: The share of clean rows that may be flagged.
        explain: How many features of each row to name.
    """

    model: str
    rows: Path
    out: Path
    store: Path
    score: str = "combined"
    rate: float = 0.01
    explain: int = 0


class Step(NamedTuple):
    """A block that was scored.

    Args:
        mark: How far the run has come.
        share: The share of the file.
    """

    mark: Mark
    share: float


class Run:
    """A file being scored.

    Args:
        task: What is asked for.

    Attributes:
        model: The model's name and version.
        out: The file to be written.
        begun: How far an earlier run has come.

    Raises:
        BulkError, VaeError: it cannot be done.
    """

    def __init__(self, task: Task) -> None:
        check_paths(task.rows, task.out)
        model = opened(task.store, task.model)
        self.model, self.out = model.reference, task.out
        self._scorer = model.scorer(task.score, task.rate, task.explain)
        self._source = source_of(task.rows, model.document.model)
        self._sink = sink_of(task.out, self._source, task.explain)
        with told(task.rows.name, "read"):
            file = task.rows.stat()
        run = {
            "rows": str(task.rows.resolve()),
            "bytes": file.st_size,
            "modified_nanoseconds": file.st_mtime_ns,
            "model": model.reference,
            "digest": model.document.digest,
            "score": task.score,
            "false_positive_rate": task.rate,
            "explain": task.explain,
        }
        self._journal = Journal(task.out.with_name(f"{task.out.name}.part.json"), run)
        self.begun = self._journal.last()
        if not self._sink.has(self.begun.out):
            self.begun = Mark()

    def score(self) -> Iterator[Step]:
        """Scores what is left, a block at a time; at the end the answer has its name.

        Raises:
            BulkError: a row is none, or a file cannot be read or written.
        """
        mark, name = self.begun, self.out.name
        saved_rows, saved_at = mark.rows, time.monotonic()
        blocks = self._source.blocks(mark.position if mark.rows else None)
        with told(name, "written"):
            self._sink.open(mark.out)
        try:
            for block, verdicts in in_order(blocks, self._scorer, available_cores()):
                mark = mark.after(block, verdicts)
                with told(name, "written"):
                    self._sink.write(block, verdicts)
                    if _is_due(mark.rows - saved_rows, time.monotonic() - saved_at):
                        mark = self._saved(mark)
                        saved_rows, saved_at = mark.rows, time.monotonic()
                yield Step(mark, block.share)
            with told(name, "written"):
                self._sink.finish()
                self._journal.remove()
        finally:
            self._sink.close()

    def _saved(self, mark: Mark) -> Mark:
        # The answer first: a mark never stands behind what is on the disk.
        mark = replace(mark, out=self._sink.commit())
        self._journal.save(mark)
        return mark


def _is_due(rows: int, seconds: float) -> bool:
    return rows >= _ROWS_BETWEEN_MARKS or seconds >= _SECONDS_BETWEEN_MARKS
