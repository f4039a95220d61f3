"""Whether what is asked is still like what the models were calibrated with.

The p-values of an answer are put aside with it, and looked at a little later, some rows at a time,
with room for others in between.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from app.drift_file import DriftFile
from app.loaded_model import LoadedModel
from app.metrics import P_VALUES, Histogram, Metrics
from app.observed import PREFIX, DriftTests, Evidence, Observed, key_of, streams
from app.shared_numbers import Key
from app.workers import Worker
from model_store.calibration import MEDIAN_ROWS, ScoreKind
from model_store.drift import ContributionShift, DriftTest, Floats
from model_store.feature_drift import FeatureTest

_SECONDS_ASIDE = 0.2
_SECONDS_BETWEEN_FILES = 10.0
# On the event loop: about half a millisecond, or one for wide rows.
_ROWS_AT_ONCE = 256
_NUMBERS_AT_ONCE = 2**14


@dataclass(frozen=True, eq=False)
class DriftReport:
    """What all processes have seen of one kind of p-values of a version of a model.

    Args:
        test: What they test with.
        counts: Rows in each of its bins, shape (bins,).
        evidence: What the test says.
        shift: How the features' contributions have moved.
    """

    test: DriftTest
    counts: Floats
    evidence: Evidence
    shift: ContributionShift


class Drift:
    """What one process sees of p-values, and what all of them have seen.

    Args:
        worker: The process; it goes on from what the one whose place it takes has seen.
        metrics: Is told of every p-value.
        file: Where it is kept when the service ends; nowhere by default.
    """

    def __init__(self, worker: Worker, metrics: Metrics, file: DriftFile | None = None) -> None:
        self._worker = worker
        self._numbers = worker.numbers.writer(worker.number)
        self._metrics = metrics
        self._file = file
        self._streams: dict[Key, _Stream] = {}
        self._next: asyncio.TimerHandle | None = None
        self._saving: asyncio.Task[None] | None = None
        self._changed = False

    async def open(self, known: Callable[[str, int], bool]) -> None:
        """Goes on from the file, if there is one.

        Args:
            known: Whether there is such a version of a model; of others nothing is kept.
        """
        if self._file is None:
            return
        for key, kept in (await asyncio.to_thread(self._file.read)).items():
            if key[: len(PREFIX)] == PREFIX and known(key[2], int(key[3])):
                numbers = self._numbers.numbers(key, len(kept))
                # Where another has died, what is in memory is newer.
                if not any(numbers):
                    np.asarray(numbers)[:] = kept
        self._saving = asyncio.create_task(self._save_now_and_then(self._file))

    async def close(self) -> None:
        """Looks at what has been put aside, and writes the file."""
        await self.settle()
        if self._saving and self._file:
            self._saving.cancel()
            with suppress(asyncio.CancelledError):
                await self._saving
            await self._save(self._file)

    def observe(
        self, model: LoadedModel, kind: ScoreKind, p_values: Tensor, excess: Tensor
    ) -> None:
        """Puts aside what an answer says of its rows, in the order of the answers.

        Args:
            model: Which has a calibration.
            kind: Of the scores that were asked for.
            p_values: Of the rows, in (0, 1], shape (rows,).
            excess: What features contribute beyond what is typical of each, in nats; 0 where
                missing, shape (rows, features).
        """
        stream = self._stream(model, kind)
        stream.aside.append((p_values.double().numpy(), excess.double().flatten(1).numpy()))
        if self._next is None:
            self._next = asyncio.get_running_loop().call_later(_SECONDS_ASIDE, self._look)

    async def settle(self) -> None:
        """Looks at all that has been put aside."""
        while any(stream.aside for stream in self._streams.values()):
            self._look()
            await asyncio.sleep(0)

    async def report(self, model: LoadedModel, kind: ScoreKind) -> DriftReport:
        """What all processes have seen until now, the others to within a moment.

        Raises:
            NotCalibratedError: the model has no calibration.
        """
        await self.settle()
        stream = self._stream(model, kind)
        seen = streams(self._worker.numbers.read()).get(stream.key[len(PREFIX) :], [])
        each = [Observed(stream.tests, numbers) for numbers in seen]
        shifts = [observed.shift for observed in each]
        return DriftReport(
            stream.tests.p_values,
            np.sum([observed.state.counts for observed in each], axis=0),
            Evidence.of(seen, len(self._worker.loaded)),
            ContributionShift.sum(shifts),
        )

    def _stream(self, model: LoadedModel, kind: ScoreKind) -> "_Stream":
        key = key_of(model.name, model.version, model.document.digest, kind)
        if key not in self._streams:
            calibration = model.calibrated
            own = calibration.p_values(kind, calibration.ascending[kind]).numpy()
            # The medians of contributions are those of the first rows.
            medians = FeatureTest.of(min(calibration.rows, MEDIAN_ROWS))
            tests = DriftTests(DriftTest.of(own), medians, len(model.features))
            numbers = self._numbers.numbers(key, Observed.width(tests))
            histogram = self._metrics.histogram(P_VALUES, model.name, str(model.version), kind)
            self._streams[key] = _Stream(key, tests, Observed(tests, numbers), histogram)
        return self._streams[key]

    def _look(self) -> None:
        """Looks at some rows, and at more after a turn for others."""
        if self._next is not None:
            self._next.cancel()
        self._next = None
        waiting = [stream for stream in self._streams.values() if stream.aside]
        if not waiting:
            return
        waiting[0].look()
        self._changed = True
        if len(waiting) > 1 or waiting[0].aside:
            self._next = asyncio.get_running_loop().call_later(0, self._look)

    async def _save_now_and_then(self, file: DriftFile) -> None:
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_FILES)
            await self._save(file)

    async def _save(self, file: DriftFile) -> None:
        if self._changed:
            self._changed = False
            entries = self._numbers.entries()
            seen = {key: list(numbers) for key, numbers in entries if key[:2] == PREFIX}
            await asyncio.to_thread(file.write, seen)


class _Stream:
    """The p-values of one kind that one process gives of a version of a model."""

    def __init__(
        self, key: Key, tests: DriftTests, observed: Observed, histogram: Histogram
    ) -> None:
        self.key = key
        self.tests = tests
        self.aside: deque[tuple[Floats, Floats]] = deque()
        self._observed = observed
        self._histogram = histogram

    def look(self) -> None:
        """Looks at the rows that came first."""
        p_values, excess = zip(*self._first_rows(), strict=True)
        joined = np.concatenate(p_values)
        self._histogram.observe_all(joined)
        self._observed.observe(joined, np.concatenate(excess))

    def _first_rows(self) -> list[tuple[Floats, Floats]]:
        features = self.aside[0][1].shape[1]
        most = max(1, min(_ROWS_AT_ONCE, _NUMBERS_AT_ONCE // features))
        taken = []
        while self.aside and most:
            p_values, excess = self.aside.popleft()
            if len(p_values) > most:
                self.aside.appendleft((p_values[most:], excess[most:]))
            taken.append((p_values[:most], excess[:most]))
            most -= len(taken[-1][0])
        return taken
