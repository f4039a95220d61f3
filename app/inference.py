"""The one door to tensor work: what waits together is answered together, and nothing holds up all.

Work of a few milliseconds is done on the event loop, between two looks at the sockets: handing it
to a thread and back takes as long as a small question. Whatever has arrived by then and asks the
same of the same model is one batch, so that a lone request waits for nobody and a busy server
computes large batches. Noise does not depend on a row's place: batching cannot change an answer.

Longer work has a thread to itself, slice by slice, the slices of all such requests in turn. What
nobody waits for any more is not begun.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any, TypeVar

import torch
from torch import Tensor

from app.batches import Ask, Job, answers, joined
from app.capacity import Capacity, Size
from app.cores import share_of_cores
from app.errors import Refusal, RefusedBodyError
from app.loaded_model import LoadedModel
from app.memory import keep_freed_memory
from app.metrics import Metrics
from app.settings import Settings

Answer = TypeVar("Answer")

# In multiplications, of which a core does some thirty thousand in a microsecond. Everybody waits
# for a batch on the event loop: about four milliseconds.
BRIEF_WORK = 2**27
# What a look at the sockets finds has yet to be read, which shows at the second look after it.
_LOOKS_UNCHANGED = 2
_MOST_LOOKS = 8
# Only other long requests wait for a slice: about fifty milliseconds.
_SLICE_WORK = 2**31


class Inference:
    """Answers questions about models.

    Args:
        settings: Its limits and its number of threads.
        metrics: Is told of questions and batches.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        # For the whole process: torch has no other way.
        torch.set_num_threads(settings.threads_per_batch or share_of_cores(settings.workers))
        keep_freed_memory()
        self._capacity = Capacity(settings)
        # Many small requests ask for the same.
        self.ask_of = lru_cache(4096)(self._make_ask)
        self._metrics = metrics
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="compute")
        self._computing = False
        self._long: deque[Job] = deque()
        self._brief: dict[Ask, deque[Job]] = {}
        self._looking = False
        self._arrived = 0

    def most_samples(self, model: LoadedModel, *, refine: int = 0) -> int:
        """Most samples that a request of one row can ask for, with so many steps of refinement."""
        return self._capacity.most_samples(model.size, refine=refine)

    def admit_rows(self, size: Size, rows: int) -> None:
        """Nothing, if a request may have so many rows of a model of this size.

        Raises:
            TooManyRowsError: they are more than the server takes.
        """
        self._capacity.admit_rows(size, rows)

    async def run(
        self,
        question: Callable[..., Answer],
        model: LoadedModel,
        arrays: Mapping[str, Tensor],
        **options: Hashable,
    ) -> Answer:
        """The answer to `question(vae, *arrays, **options)`.

        Args:
            question: A function of `model_store.vae` whose tensors, given and returned, have one
                entry per row in front.
            model: The model that is asked.
            arrays: Its tensors by the names of their fields; without any, a request for itself.
            options: The rest of its arguments.

        Raises:
            TooLargeError: more than the server takes.
            RefusedBodyError: tensors of different lengths, or a row the model does not allow.
        """
        rows = _rows_in(arrays)
        ask = self.ask_of(question, model, tuple(arrays), tuple(options.items()))
        most_rows, work = ask.allowance
        if rows > most_rows:
            self._capacity.refuse(question, model.size, ask.options, rows)
        answer = asyncio.get_running_loop().create_future()
        at_once = max(1, _SLICE_WORK // work)
        self._take(Job(ask, tuple(arrays.values()), rows, rows * work, at_once, answer))
        self._metrics.question_asked(model.name, model.version, rows)
        try:
            found: Answer = await answer
        finally:
            self._metrics.question_over()
        return found

    def close(self) -> None:
        """Takes no more work; what is still being computed is nobody's any longer."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _make_ask(
        self,
        question: Callable[..., Any],
        model: LoadedModel,
        fields: tuple[str, ...],
        items: tuple[tuple[str, Hashable], ...],
    ) -> Ask:
        options = dict(items)
        allowance = self._capacity.allowance(question, model.size, options)
        return Ask(question, model, fields, options, allowance)

    def _take(self, job: Job) -> None:
        """Has a job answered in its turn."""
        if job.work > BRIEF_WORK:
            self._long.append(job)
            self._compute()
        else:
            self._brief.setdefault(job.ask, deque()).append(job)
            self._arrived += 1
            self._start()

    def _start(self) -> None:
        """Has a batch answered, not now but once the loop has read what else has arrived."""
        if not self._looking:
            self._looking = True
            self._look(0, 0, 0)

    def _look(self, seen: int, looks: int, unchanged: int) -> None:
        """Looks again while more comes: many small batches take longer than a large one."""
        unchanged = unchanged + 1 if seen == self._arrived else 0
        if unchanged < _LOOKS_UNCHANGED and looks < _MOST_LOOKS:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._look, self._arrived, looks + 1, unchanged)
            return
        self._looking = False
        self._answer_brief()

    def _answer_brief(self) -> None:
        """Answers one batch: what the question that waits longest is asked about."""
        ask = next(iter(self._brief))
        # What is left over queues up behind the other questions.
        queue = self._brief.pop(ask)
        batch = _next_batch(queue)
        if queue:
            self._brief[ask] = queue
        if batch:
            began = time.perf_counter()
            try:
                found = answers(batch)
            except Exception as error:  # noqa: BLE001 - it is told to whoever asked
                found = [error] * len(batch)
            for job, answer in zip(batch, found, strict=True):
                job.settle(answer)
            rows = sum([job.rows for job in batch])
            self._metrics.batch_computed(rows, time.perf_counter() - began)
        if self._brief:
            self._start()

    def _compute(self) -> None:
        """Begins the next slice of long work, if the thread is free."""
        while self._long and self._long[0].answer.done():
            self._long.popleft()
        if self._long and not self._computing:
            self._computing = True
            job = self._long.popleft()
            began = time.perf_counter()
            slice_ = asyncio.get_running_loop().run_in_executor(self._thread, job.compute_slice)
            slice_.add_done_callback(partial(self._finish, job, job.next_rows, began))

    def _finish(self, job: Job, rows: int, began: float, slice_: "asyncio.Future[None]") -> None:
        self._computing = False
        self._metrics.batch_computed(rows, time.perf_counter() - began)
        if error := slice_.exception():
            job.settle(error)
        elif job.is_complete:
            job.settle(joined(job.parts))
        else:
            # The other long requests have a slice each first.
            self._long.append(job)
        self._compute()


def _next_batch(queue: deque[Job]) -> list[Job]:
    """The first jobs that somebody still waits for, as many as are brief together."""
    batch: list[Job] = []
    work = 0
    while queue:
        job = queue[0]
        if not job.answer.done():
            work += job.work
            if batch and (work > BRIEF_WORK or not job.arrays):
                break
            batch.append(job)
        queue.popleft()
    return batch


def _rows_in(arrays: Mapping[str, Tensor]) -> int:
    """The number of rows, the same in every tensor; a request without any counts as one."""
    # len of a tensor takes ten times as long.
    counts = [rows.shape[0] for rows in arrays.values()]
    if len(counts) < 2:
        return counts[0] if counts else 1
    for name, count in zip(arrays, counts, strict=True):
        if count != counts[0]:
            message = (
                f"{name} has {count} rows and {next(iter(arrays))} has {counts[0]}; "
                "needed as many of each."
            )
            raise RefusedBodyError(Refusal(name, message))
    return counts[0]
