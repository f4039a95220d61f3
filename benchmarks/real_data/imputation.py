"""Tables with gaps: trained with no flags, served, scored and imputed over HTTP."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from app.client import VaeClient
from app.client.clients import Model
from benchmarks.real_data.columns import Cells, Columns, Scores, coverage, hide, score
from benchmarks.real_data.markdown import over_rows, over_seeds, print_table
from benchmarks.real_data.regression import Regression
from benchmarks.real_data.runs import Trained, compared, train
from benchmarks.servers import serving
from model_store.schema import Feature

TABLES = {name: f"mixed_{name}.csv.gz" for name in ("credit", "penguins", "adult")}
SHARE = 0.2  # of the observed cells of held-out rows
PORT = 18_413
ROWS_PER_REQUEST = 250
FILLERS = ("this model", "mean or mode", "regression")
MEASURES = (("rmse", "RMSE of numbers"), ("accuracy", "accuracy of categories"))


@dataclass(frozen=True, eq=False)
class Answers:
    """What the service says of one seed's held-out rows.

    Args:
        columns: Of the training rows.
        scores: Of each of `FILLERS`.
        hidden: How many cells were hidden of each column.
        covered: Share of hidden numbers within 1.96 standard deviations of the imputed value.
        log_likelihood: Of each held-out row with the gaps it came with, in nats.
        reliable: Share of rows whose log-likelihood can be trusted.
    """

    columns: Columns
    scores: tuple[Scores, ...]
    hidden: Cells
    covered: float
    log_likelihood: Cells
    reliable: float


def print_imputation(names: Sequence[str], data: Path, seeds: Sequence[int]) -> None:
    """Imputation of all sets, their log-likelihoods, and the columns of each set."""
    kept: dict[str, list[Answers]] = {}
    pair = f"{FILLERS[0]} : {FILLERS[1]}"
    header = ["data", "of hidden cells", *FILLERS, *(f"{pair}, seed {seed}" for seed in seeds)]
    print_table(header, _rows_of_sets(names, data, seeds, kept))
    header = ["data", *(f"log-likelihood (reliable rows), seed {seed}" for seed in seeds)]
    print_table(header, ([name, *map(_scored, answers)] for name, answers in kept.items()))
    for name, answers in kept.items():
        header = [f"column of {name}", "hidden cells", "measure", *FILLERS]
        print_table(header, _rows_of_columns(answers))


def _rows_of_sets(
    names: Sequence[str], data: Path, seeds: Sequence[int], kept: dict[str, list[Answers]]
) -> Iterator[list[str]]:
    for name in names:
        kept[name] = answers = measured(data / TABLES[name], seeds)
        for measure, words in MEASURES:
            values = [[getattr(s, measure) for s in a.scores] for a in answers]
            spreads = [over_seeds(column, 3) for column in zip(*values, strict=True)]
            each = [f"{v[0]:.3f} : {v[1]:.3f}" for v in values]
            yield [name, words, *spreads, *each]
        covered = [f"{a.covered:.3f}" for a in answers]
        inside = over_seeds([a.covered for a in answers], 3)
        yield [name, "numbers within ± 1.96 `standard_deviation`", inside, "-", "-", *covered]


def _scored(answers: Answers) -> str:
    return f"{over_rows(answers.log_likelihood)} ({answers.reliable:.0%})"


def _rows_of_columns(answers: Sequence[Answers]) -> Iterator[list[str]]:
    """Means over the seeds."""
    columns = answers[0].columns
    for j, name in enumerate(columns.names):
        means = [
            float(np.nanmean([a.scores[i].per_column[j] for a in answers]))
            for i in range(len(FILLERS))
        ]
        cells = sum(int(a.hidden[j]) for a in answers)
        measure = "accuracy" if columns.is_category[j] else "RMSE"
        yield [f"`{name}`", f"{cells:,}", measure, *(f"{mean:.3f}" for mean in means)]


def measured(source: Path, seeds: Sequence[int]) -> list[Answers]:
    """One model a seed, all of them behind one server."""
    with TemporaryDirectory() as folder:
        store = Path(folder)
        models = [train(compared(source, seed, store, name=f"seed-{seed}")) for seed in seeds]
        with serving(store, PORT) as server, VaeClient(server.url, timeout_seconds=600) as client:
            return [
                _answers(client.model(trained.name), trained, seed)
                for trained, seed in zip(models, seeds, strict=True)
            ]


def _answers(model: Model, trained: Trained, seed: int) -> Answers:
    rows = np.asarray(trained.split.train, dtype=np.float64)
    truth = np.asarray(trained.held_out, dtype=np.float64)
    columns, hidden = Columns.of(trained.features, rows), hide(truth, SHARE, seed)
    asked = np.where(hidden, np.nan, truth)
    filled, deviation = _imputed(model, records_of(trained.features, asked))
    regression = Regression(columns, rows, [_num_codes(f) for f in trained.features])
    fillings = (filled, np.where(hidden, columns.fill, truth), regression.fill(asked))
    return Answers(
        columns,
        tuple(score(columns, truth, filling, hidden) for filling in fillings),
        hidden.sum(axis=0).astype(np.float64),
        coverage(columns, truth, (filled, deviation), hidden),
        *_scored_rows(model, records_of(trained.features, truth)),
    )


Records = list[dict[str, object]]


def records_of(features: Sequence[Feature], x: Cells) -> Records:
    """Rows as a program that knows nothing of codes would send them; a gap is None."""
    return [
        {f.name: _value(f, cell) for f, cell in zip(features, row, strict=True)}
        for row in x.tolist()
    ]


def _value(feature: Feature, cell: float) -> object:
    if np.isnan(cell):
        return None
    return cell if feature.categories is None else feature.categories[int(cell)]


def _imputed(model: Model, records: Records) -> tuple[Cells, Cells]:
    """Rows without gaps and the standard deviations of what was filled."""
    answers = [model.impute(records=part) for part in _requests(records)]
    return (
        np.concatenate([answer.outputs for answer in answers]),
        np.concatenate([answer.standard_deviation for answer in answers]),
    )


def _scored_rows(model: Model, records: Records) -> tuple[Cells, float]:
    """Log-likelihood of each row, and the share of those that are reliable."""
    answers = [model.log_likelihood(records=part) for part in _requests(records)]
    reliable = np.concatenate([answer.reliable for answer in answers])
    return np.concatenate([answer.log_likelihood for answer in answers]), float(reliable.mean())


def _requests(records: Records) -> Iterator[Records]:
    for start in range(0, len(records), ROWS_PER_REQUEST):
        yield records[start : start + ROWS_PER_REQUEST]


def _num_codes(feature: Feature) -> int:
    """How many codes a column without order has; 0 for a number."""
    if feature.categories is not None:
        return len(feature.categories)
    return 2 if feature.kind == "binary" else 0
