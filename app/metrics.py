"""What the service counts, and the few calls that count it.

A small request costs tens of microseconds, so a count may cost a fraction of one: numbers are found
once and from then on written in place, on the event loop and without a lock.
"""

import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.shared_numbers import Numbers
from app.workers import Worker

# 1, 2, 5, 10… from a question of one row to more than anyone waits for.
SECONDS = (
    *(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0),
)
ROWS = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0)
P_VALUE_BOUNDS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
)

PID = "pid"
"""Under this name each process writes its id, which is no metric."""

# What other servers log where a client leaves before there is an answer.
_GONE = 499
# Files of the API page, and paths there are none of.
_OTHER_ROUTE = "other"


@dataclass(frozen=True)
class Family:
    """A metric, whatever its labels are.

    Args:
        name: By Prometheus' conventions: base units, `_total` for counters.
        kind: What may be done with its numbers.
        help: A sentence for whoever meets it.
        labels: Names of its labels.
        bounds: Of a histogram: the largest value in each bucket, but for the last that takes all.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """How many numbers its labels have: a histogram's are its buckets and the sum."""
        return len(self.bounds) + 2 if self.kind == "histogram" else 1


REQUESTS = Family("vae_requests_total", "counter", "Requests answered.", ("route", "status"))
REQUEST_SECONDS = Family(
    "vae_request_duration_seconds",
    "histogram",
    "Time from a request's headers to the end of its answer.",
    ("route",),
    SECONDS,
)
IN_FLIGHT = Family("vae_requests_in_flight", "gauge", "Requests that are being answered.")
QUESTION_ROWS = Family(
    "vae_question_rows", "histogram", "Rows of a question.", ("model", "version"), ROWS
)
WAITING = Family(
    "vae_questions_waiting", "gauge", "Questions that wait for their turn or are being computed."
)
BATCH_ROWS = Family("vae_batch_rows", "histogram", "Rows computed at once.", (), ROWS)
BATCH_SECONDS = Family(
    "vae_batch_duration_seconds", "histogram", "Time to compute a batch.", (), SECONDS
)
P_VALUES = Family(
    "vae_p_value",
    "histogram",
    "P-values of anomaly answers.",
    ("model", "version", "score"),
    P_VALUE_BOUNDS,
)
LOADED = Family(
    "vae_model_loaded", "gauge", "Workers that have the model in memory.", ("model", "version")
)
RESTARTS = Family("vae_worker_restarts_total", "counter", "Workers that took another's place.")

COUNTED = (
    REQUESTS,
    REQUEST_SECONDS,
    IN_FLIGHT,
    QUESTION_ROWS,
    WAITING,
    BATCH_ROWS,
    BATCH_SECONDS,
    P_VALUES,
    LOADED,
    RESTARTS,
)
"""What the processes count; a service's other metrics are found out when somebody asks."""


class Metrics:
    """What one process counts.

    Args:
        worker: The process; it goes on from the numbers of the one whose place it takes.
    """

    def __init__(self, worker: Worker) -> None:
        self._numbers = worker.numbers.writer(worker.number)
        gauges = {family.name for family in COUNTED if family.kind == "gauge"}
        for key, values in self._numbers.entries():
            if key[0] in gauges:
                values[0] = 0.0
        self._numbers.numbers((PID,))[0] = os.getpid()
        self._in_flight = self._of(IN_FLIGHT)
        self._waiting = self._of(WAITING)
        self._batch_rows = Histogram(self._of(BATCH_ROWS), ROWS)
        self._batch_seconds = Histogram(self._of(BATCH_SECONDS), SECONDS)
        self._of(RESTARTS)[0] += worker.replaces_another
        self._routes: dict[tuple[str, int], tuple[Numbers, Histogram]] = {}
        self._models: dict[tuple[str, int], Histogram] = {}

    def histogram(self, family: Family, *labels: str) -> "Histogram":
        """The histogram of these labels; worth keeping, for finding it takes a microsecond."""
        return Histogram(self._of(family, *labels), family.bounds)

    def request_begun(self) -> None:
        """A request has come."""
        self._in_flight[0] += 1.0

    def request_passed_on(self) -> None:
        """It begins again, on a longer way."""
        self._in_flight[0] -= 1.0

    def request_ended(self, route: str | None, status: int | None, seconds: float) -> None:
        """It has been answered.

        Args:
            route: Its route's path with the names of its parameters, so that there are few.
            status: Of the answer; None if the client left before there was one.
            seconds: What it took.
        """
        self._in_flight[0] -= 1.0
        key = (route or _OTHER_ROUTE, status or _GONE)
        found = self._routes.get(key)
        if found is None:
            found = self._routes[key] = (
                self._of(REQUESTS, key[0], str(key[1])),
                self.histogram(REQUEST_SECONDS, key[0]),
            )
        found[0][0] += 1.0
        found[1].observe(seconds)

    def question_asked(self, name: str, version: int, rows: int) -> None:
        """A question to a model waits for its answer; `question_over` must follow."""
        self._waiting[0] += 1.0
        self._rows_of(name, version).observe(rows)

    def questions_answered(self, name: str, version: int, rows: Sequence[int]) -> None:
        """Questions to a model, of so many rows each, were answered together as they came."""
        histogram = self._rows_of(name, version)
        for each in rows:
            histogram.observe(each)

    def question_over(self) -> None:
        """A question has its answer or an error, or nobody waits for it any longer."""
        self._waiting[0] -= 1.0

    def batch_computed(self, rows: int, seconds: float) -> None:
        """So many rows were computed at once."""
        self._batch_rows.observe(rows)
        self._batch_seconds.observe(seconds)

    def model_loaded(self, name: str, version: int) -> None:
        """A model is in memory."""
        self._of(LOADED, name, str(version))[0] = 1.0

    def _rows_of(self, name: str, version: int) -> "Histogram":
        histogram = self._models.get((name, version))
        if histogram is None:
            histogram = self.histogram(QUESTION_ROWS, name, str(version))
            self._models[name, version] = histogram
        return histogram

    def _of(self, family: Family, *labels: str) -> Numbers:
        return self._numbers.numbers((family.name, *labels), family.width)


class Histogram:
    """How many values fell between which bounds, and their sum.

    Args:
        numbers: One for each bucket, and the sum.
        bounds: The largest value in each bucket but the last.
    """

    def __init__(self, numbers: Numbers, bounds: tuple[float, ...]) -> None:
        self._numbers = numbers
        self._bounds = bounds

    def observe(self, value: float) -> None:
        """One more value."""
        self._numbers[bisect_left(self._bounds, value)] += 1.0
        self._numbers[-1] += value

    def observe_all(self, values: NDArray[np.float64]) -> None:
        """Many more at once."""
        places, counts = np.unique(np.searchsorted(self._bounds, values), return_counts=True)
        for place, count in zip(places.tolist(), counts.tolist(), strict=True):
            self._numbers[place] += count
        self._numbers[-1] += float(values.sum())
