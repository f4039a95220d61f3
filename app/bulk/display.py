"""What `vae-score` shows: a bar on a terminal, and a summary."""

import json
import time
from collections.abc import Iterator

import rich.progress as rich
import typer
from rich.console import Console
from rich.text import Text

from app.bulk.journal import Mark
from app.bulk.run import Run, Step


class Display:
    """Writes to standard output.

    Args:
        quiet: Nothing.
        as_json: One JSON object, at the end.
    """

    def __init__(self, *, quiet: bool, as_json: bool) -> None:
        self._console = Console(quiet=quiet or as_json, highlight=False, soft_wrap=True)
        self._as_json = as_json
        self._began = time.monotonic()

    def show(self, run: Run) -> None:
        """Lets a run go to its end."""
        if run.begun.rows:
            self._print(f"Going on behind {run.begun.rows:,} rows that were scored before.")
        mark = run.begun
        for step in self._followed(run):
            mark = step.mark
        seconds = time.monotonic() - self._began
        if self._as_json:
            typer.echo(json.dumps(_answer(run, mark, seconds)))
        self._print(f"{_said_of(mark)}, in {seconds:.1f} s: {run.out}")

    def _followed(self, run: Run) -> Iterator[Step]:
        """The steps as they come, on a terminal with a bar."""
        if not self._console.is_terminal:
            yield from run.score()
            return
        columns = (
            rich.TextColumn("{task.fields[rows]} rows"),
            rich.BarColumn(),
            rich.TaskProgressColumn(),
            rich.TextColumn("{task.fields[speed]} rows/s"),
            rich.TimeRemainingColumn(),
        )
        with rich.Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task("", total=1.0, rows=f"{run.begun.rows:,}", speed="-")
            began = time.monotonic()
            for step in run.score():
                rows = step.mark.rows
                speed = (rows - run.begun.rows) / (time.monotonic() - began)
                bar.update(task, completed=step.share, rows=f"{rows:,}", speed=f"{speed:,.0f}")
                yield step

    def _print(self, sentence: str) -> None:
        self._console.print(Text(sentence))


def _said_of(mark: Mark) -> str:
    why = f", {mark.without_score:,} of them for what their note says" if mark.without_score else ""
    return f"{mark.rows:,} rows scored, {mark.anomalies:,} flagged{why}"


def _answer(run: Run, mark: Mark, seconds: float) -> dict[str, object]:
    return {
        "model": run.model,
        "out": str(run.out),
        "rows": mark.rows,
        "anomalies": mark.anomalies,
        "without_score": mark.without_score,
        "seconds": round(seconds, 3),
    }
