"""How far a run has come, kept beside what it writes, so that another can go on from there."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from app.bulk.blocks import Block, Position
from app.bulk.scoring import Verdicts
from model_store.durable import replace_file


@dataclass(frozen=True)
class Mark:
    """A point up to which a run's answer is on the disk.

    Args:
        at: Bytes or rows that were read, as the source counts.
        line: Lines or rows, as people count.
        out: What was written, as the sink counts.
        rows: How many were scored.
        anomalies: How many of them were flagged.
        without_score: How many of these have a note in place of a score.
    """

    at: int = 0
    line: int = 0
    out: int = 0
    rows: int = 0
    anomalies: int = 0
    without_score: int = 0

    def after(self, block: Block, verdicts: Verdicts) -> "Mark":
        """The point behind a block, as far as it is not about what was written."""
        return replace(
            self,
            at=block.end.at,
            line=block.end.line,
            rows=self.rows + len(verdicts.score),
            anomalies=self.anomalies + int(verdicts.is_anomaly.sum()),
            without_score=self.without_score + len(verdicts.notes),
        )

    @property
    def position(self) -> Position:
        """Where the source goes on."""
        return Position(self.at, self.line)


class Journal:
    """The marks of one run.

    Args:
        path: Where they are kept.
        run: What tells this run from others: a mark of another one is of no use.
    """

    def __init__(self, path: Path, run: Mapping[str, object]) -> None:
        self._path = path
        self._run = dict(run)

    def last(self) -> Mark:
        """The mark to go on from; of no rows if there is none."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self._path.read_bytes())
            if kept["run"] == self._run:
                return Mark(**kept["mark"])
        return Mark()

    def save(self, mark: Mark) -> None:
        """Keeps a mark in place of the one before."""
        content = {"run": self._run, "mark": asdict(mark)}
        replace_file(self._path, json.dumps(content, indent=1).encode())

    def remove(self) -> None:
        """Forgets all, for the run is over."""
        self._path.unlink(missing_ok=True)
