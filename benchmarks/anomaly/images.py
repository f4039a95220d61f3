"""Pictures of one kind among pictures of another, where plain likelihoods are known to fail."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from benchmarks.anomaly.contest import Measured, OfSet, detectors
from benchmarks.anomaly.record import Part
from benchmarks.anomaly.references import Detector, Scores
from benchmarks.anomaly.runs import rows_of, train_on
from benchmarks.page import markdown
from benchmarks.real_data.markdown import over_seeds

TASKS = ("digits, against clothes", "clothes, against digits", "digits but 1, against 1")
TRAIN_ROWS, TEST_ROWS = 5_000, 1_000

Pictures = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Task:
    """Pictures to train on, others of their kind, and those of another."""

    train: Pictures
    same: Pictures
    other: Pictures


def read_tasks(data: Path) -> dict[str, Task]:
    """The three tasks, by name."""
    with np.load(data / "mnist.npz", allow_pickle=False) as arrays:
        digits, labels = arrays["X"], arrays["y"]
        test, test_labels = arrays["X_test"], arrays["y_test"]
    with np.load(data / "fashion_mnist_30k.npz", allow_pickle=False) as arrays:
        clothes, clothes_test = arrays["X"], arrays["X_test"]
    tasks = (
        _task(digits, test, clothes_test),
        _task(clothes, clothes_test, test),
        _task(digits[labels != 1], test[test_labels != 1], test[test_labels == 1]),
    )
    return dict(zip(TASKS, tasks, strict=True))


def measure_task(task: Task, seed: int, references: Mapping[str, Detector]) -> dict[str, Measured]:
    """Every score of our model and every reference, by name."""
    with TemporaryDirectory() as folder:
        source = Path(folder) / "pictures.npz"
        np.savez(source, X=task.train)
        model = train_on(source, seed)
    x = np.concatenate([task.same, task.other])
    is_other = np.arange(len(x)) >= len(task.same)
    scores: dict[str, Scores] = {**model.scores(rows_of(x))}
    fit, flat = (p.reshape(len(p), -1).astype(np.float64) for p in (task.train, x))
    scores |= {name: detect(fit, flat, seed) for name, detect in references.items()}
    return {name: Measured.of(of_rows, is_other) for name, of_rows in scores.items()}


IMAGES = Part("images", TypeAdapter(dict[str, Measured]))


def images_table(tasks: Mapping[str, OfSet]) -> str:
    """One row a detector, one column a task; AUROC."""
    rows = []
    for detector in detectors(tasks):
        values = [[s[detector].auroc for s in seeds] for seeds in tasks.values()]
        rows.append([detector, *(over_seeds(of_task, 4) for of_task in values)])
    return markdown(["AUROC", *tasks], rows)


def _task(train: Pictures, same: Pictures, other: Pictures) -> Task:
    return Task(train[:TRAIN_ROWS], same[:TEST_ROWS], other[:TEST_ROWS])
