"""What `vae-train` shows: kinds, progress, warnings, and the table at the end."""

import math
import time
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from model_store.schema import CheckpointDocument, Estimate
from training.data import Dataset, FeatureSummary, summarise_features
from training.fit import Report

LINES = 20  # of progress where there is no terminal
WIDTH_WITHOUT_TERMINAL = 120
USUAL_CALIBRATION_ROWS = 99  # for a false-positive rate of 0.01
NAMES_SHOWN = 8  # of features in a warning


class Display:
    """Writes to standard output, or nothing at all.

    Args:
        quiet: Write nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(quiet=quiet, highlight=False, soft_wrap=True)
        if not self._console.is_terminal:
            self._console = Console(
                quiet=quiet, highlight=False, soft_wrap=True, width=WIDTH_WITHOUT_TERMINAL
            )

    def dataset(self, dataset: Dataset) -> None:
        """What was read and how it was understood."""
        lines = summarise_features(dataset)
        rows, missing = dataset.x.shape[0], sum(line.missing for line in lines)
        size = f"{rows:,} rows of {len(dataset.features):,} features"
        if missing:
            cells = dataset.num_rows * len(dataset.features)
            size += f", {missing:,} of {cells:,} cells missing ({_share(missing, cells)})"
        self._console.print(f"{dataset.source}: {size}")
        self._console.print(_features_table(lines, dataset.num_rows, with_missing=missing > 0))
        for note in dataset.notes:
            self._print(f"note: {note}")

    def progress(self, reports: Iterable[Report], epochs: int) -> Iterator[Report]:
        """The reports, shown as they pass: a live bar on a terminal, plain lines otherwise."""
        show = self._bar if self._console.is_terminal else self._lines
        return show(reports, epochs)

    def summary(
        self, document: CheckpointDocument, reference: str, *, command: str, seconds: float
    ) -> None:
        """Warnings, then the table at the end."""
        for warning in warnings_of(document):
            self._print(f"warning: {warning}")
        evaluation, data = document.evaluation, document.data
        rows = f"{data.train_rows:,} trained on, {data.validation_rows:,} to select, "
        rows += f"{data.calibration_rows:,} to calibrate, "
        table = Table(show_header=False, box=None, pad_edge=False)
        table.add_row("held-out elbo", _with_error(evaluation.elbo))
        table.add_row("held-out log-likelihood", _with_error(evaluation.log_likelihood))
        if evaluation.reliable_fraction is not None:
            table.add_row("of which reliable", f"{evaluation.reliable_fraction:.0%} of the rows")
        table.add_row("bits per dimension", f"{evaluation.bits_per_dim:.3f}")
        active = f"{evaluation.active_units} of {document.model.latent_dim}"
        table.add_row("active units", active)
        table.add_row("rows", rows + f"{evaluation.rows:,} of {data.test_rows:,} held out scored")
        table.add_row("time", f"{seconds:.1f} s")
        table.add_row("published", Text(reference))
        table.add_row("serve it with", Text(command))
        self._console.print(table)

    def _print(self, sentence: str) -> None:
        self._console.print(Text(sentence))

    def _bar(self, reports: Iterable[Report], epochs: int) -> Iterator[Report]:
        columns = (
            TextColumn("epoch {task.completed}/{task.total}"),
            BarColumn(),
            TextColumn("elbo {task.fields[elbo]}  held-out {task.fields[held_out]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task("", total=epochs, elbo="", held_out="")
            for report in reports:
                progress.update(task, completed=report.epoch, elbo=f"{report.elbo:.2f}")
                if report.validation_elbo is not None:
                    progress.update(task, held_out=f"{report.validation_elbo:.2f}")
                yield report

    def _lines(self, reports: Iterable[Report], epochs: int) -> Iterator[Report]:
        start = time.monotonic()
        every = math.ceil(epochs / LINES)
        held_out = ""
        for report in reports:
            if report.validation_elbo is not None:
                held_out = f"  held-out {report.validation_elbo:.2f}"
            if report.epoch % every == 0 or report.epoch == epochs:
                left = (time.monotonic() - start) / report.epoch * (epochs - report.epoch)
                line = f"epoch {report.epoch}/{epochs}  elbo {report.elbo:.2f}"
                self._print(f"{line}{held_out}  {left:.0f} s left")
            yield report


def _features_table(lines: Sequence[FeatureSummary], rows: int, *, with_missing: bool) -> Table:
    table = Table("feature", "kind", "likelihood", "transform", "values", box=None, pad_edge=False)
    if with_missing:
        table.add_column("missing")
    for line in lines:
        cells = [Text(line.name), line.kind, line.likelihood, line.transform, Text(line.values)]
        if line.missing:
            cells.append(f"{line.missing:,} ({_share(line.missing, rows * line.count)})")
        table.add_row(*cells)
    return table


def _share(part: int, whole: int) -> str:
    percent = 100 * part / whole
    return "< 0.1 %" if percent < 0.1 else f"{percent:.1f} %"


def warnings_of(document: CheckpointDocument) -> list[str]:
    """What the user should know before trusting the model."""
    constant = document.data.constant_features
    floored = [n for n in document.evaluation.features_at_floor if n not in constant]
    found = []
    if constant:
        found.append(
            f"{_names(constant)} never changes in the training rows, so it tells nothing; "
            "where it has a density, a floor bounds it."
        )
    if floored:
        found.append(
            f"{_names(floored)} is reproduced so closely that a floor bounds its density, which is "
            "a lower bound of what would fit."
        )
    if document.evaluation.active_units == 0:
        found.append(
            "no latent is in use (posterior collapse), so the model ignores what it encodes; "
            "--free-bits, more epochs or a smaller network may help."
        )
    if document.calibration and document.calibration.rows < USUAL_CALIBRATION_ROWS:
        n = document.calibration.rows
        found.append(
            f"{n:,} calibration rows tell false-positive rates of anomalies from {1 / (n + 1):.2g} "
            f"on; for 0.01 at least {USUAL_CALIBRATION_ROWS} are needed, from more data, "
            "--calibration-fraction or vae-store calibrate."
        )
    return found


def as_json(
    document: CheckpointDocument, name: str, version: int, *, seconds: float
) -> dict[str, object]:
    """The same for scripts."""
    return {
        "name": name,
        "version": version,
        "digest": document.digest,
        "seconds": round(seconds, 3),
        "evaluation": document.evaluation.model_dump(mode="json"),
        "data": document.data.model_dump(mode="json"),
        "calibration": document.calibration and document.calibration.model_dump(mode="json"),
        "training": document.training,
        "warnings": warnings_of(document),
    }


def _with_error(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} ± {estimate.standard_error:.2f} nats per row"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:NAMES_SHOWN])
    if len(names) == 1:
        return shown
    more = len(names) - NAMES_SHOWN
    return f"each of {shown}" + (f" and {more:,} more" if more > 0 else "")
