"""The one door to tensor work: off the event loop, and what waits together is answered together.

A request that finds a thread free starts at once and waits for nobody. While all are busy, requests
queue up, and the next free thread takes everything in the queue that asks the same of the same
model as one batch. Noise does not depend on a row's place, so batching cannot change an answer.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor

from app.capacity import admit, admit_rows, most_samples, samples_in
from app.cores import share_of_cores
from app.errors import Refusal, RefusedBodyError
from app.loaded_model import LoadedModel
from app.memory import keep_freed_memory
from app.refusals import located
from app.settings import Settings
from model_store.errors import InputError

Answer = TypeVar("Answer")

_BRIEF_ROW_SAMPLES = 1024


class Inference:
    """Answers questions about models on threads of its own.

    Args:
        settings: Its limits and its number of threads.
    """

    def __init__(self, settings: Settings) -> None:
        # For the whole process: torch has no other way.
        at_once = settings.workers * settings.compute_threads
        torch.set_num_threads(settings.threads_per_batch or share_of_cores(at_once))
        keep_freed_memory()
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.compute_threads, thread_name_prefix="compute")
        self._free = settings.compute_threads
        self._starting = False
        self._waiting: dict[_Question, deque[_Job]] = {}
        # What asks the same as a brief batch waits for its end: one large batch takes less than
        # two small ones that take the interpreter from each other.
        self._brief: set[_Question] = set()

    def most_samples(self, model: LoadedModel, *, refine: int = 0) -> int:
        """Most samples that a request of one row can ask for, with so many steps of refinement."""
        return most_samples(self._settings, model, refine=refine)

    def admit_rows(self, model: LoadedModel, rows: int) -> None:
        """Nothing, if a request may have so many rows of the model.

        Raises:
            TooManyRowsError: they are more than the server takes.
        """
        admit_rows(self._settings, model, rows)

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
        admit(self._settings, question, model, options, rows=rows)
        answer = asyncio.get_running_loop().create_future()
        ask = _Question(question, model, tuple(arrays), tuple(options.items()))
        job = _Job(ask, tuple(arrays.values()), rows, answer)
        self._waiting.setdefault(ask, deque()).append(job)
        if not self._starting:
            # Not now but once the loop has read what else has arrived.
            self._starting = True
            asyncio.get_running_loop().call_soon(self._start)
        found: Answer = await answer
        return found

    def close(self) -> None:
        """Takes no more work; what is still being computed is nobody's any longer."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _start(self) -> None:
        self._starting = False
        while self._free and (batch := self._next_batch()):
            self._free -= 1
            if _is_brief(batch):
                self._brief.add(batch[0].question)
            work = asyncio.get_running_loop().run_in_executor(self._threads, _answers, batch)
            work.add_done_callback(partial(self._finish, batch))

    def _next_batch(self) -> "list[_Job]":
        """What the question that waits longest is asked about; nothing if all had better wait."""
        question = next((q for q in self._waiting if q not in self._brief), None)
        if question is None:
            return []
        # What is left over queues up behind the other questions.
        queue = self._waiting.pop(question)
        batch = [queue.popleft()]
        rows = batch[0].rows
        while queue and question.fields and rows + queue[0].rows <= self._settings.max_batch_rows:
            batch.append(queue.popleft())
            rows += batch[-1].rows
        if queue:
            self._waiting[question] = queue
        return batch

    def _finish(self, batch: "list[_Job]", work: "asyncio.Future[list[Any]]") -> None:
        self._free += 1
        self._brief.discard(batch[0].question)
        failure = work.exception()
        answers = [failure] * len(batch) if failure else work.result()
        for job, answer in zip(batch, answers, strict=True):
            if job.answer.done():  # whoever asked has gone
                continue
            if isinstance(answer, BaseException):
                job.answer.set_exception(answer)
            else:
                job.answer.set_result(answer)
        self._start()


@dataclass(frozen=True)
class _Question:
    """What requests must have in common to be answered as one."""

    function: Callable[..., Any]
    model: LoadedModel
    fields: tuple[str, ...]
    options: tuple[tuple[str, Hashable], ...]

    def ask(self, arrays: tuple[Tensor, ...]) -> Any:  # noqa: ANN401 - any function's answer
        return self.function(self.model.vae, *arrays, **dict(self.options))


@dataclass(frozen=True, eq=False)
class _Job:
    """One request's part: its tensors, and where its answer goes."""

    question: _Question
    arrays: tuple[Tensor, ...]
    rows: int
    answer: "asyncio.Future[Any]"


def _is_brief(batch: list[_Job]) -> bool:
    """Whether it takes milliseconds."""
    rows = sum(job.rows for job in batch)
    return rows * samples_in(dict(batch[0].question.options)) <= _BRIEF_ROW_SAMPLES


def _rows_in(arrays: Mapping[str, Tensor]) -> int:
    """The number of rows, the same in every tensor; a request without any counts as one."""
    counts = {name: len(rows) for name, rows in arrays.items()}
    first = next(iter(counts), "")
    for name, count in counts.items():
        if count != counts[first]:
            message = (
                f"{name} has {count} rows and {first} has {counts[first]}; needed as many of each."
            )
            raise RefusedBodyError(Refusal(name, message))
    return counts.get(first, 1)


def _answers(batch: list[_Job]) -> list[Any]:
    """Each job's answer, or the error that is its own."""
    question = batch[0].question
    if len(batch) == 1:
        return [_answer(batch[0])]
    try:
        together = question.ask(tuple(map(torch.cat, zip(*(j.arrays for j in batch), strict=True))))
    except InputError:
        # One bad row must not fail its neighbours.
        return [_answer(job) for job in batch]
    return _parts(together, [job.rows for job in batch])


def _answer(job: _Job) -> Any:  # noqa: ANN401 - any function's answer
    try:
        return job.question.ask(job.arrays)
    except InputError as error:
        arrays = dict(zip(job.question.fields, job.arrays, strict=True))
        return located(error, job.question.model, arrays)


def _parts(answer: Any, counts: list[int]) -> list[Any]:  # noqa: ANN401 - any function's answer
    """The same answer for the first so many of the rows, for the next so many, and so on."""
    if isinstance(answer, Tensor):
        return list(answer.split(counts))
    if isinstance(answer, dict):
        columns = [_parts(value, counts) for value in answer.values()]
        return [dict(zip(answer, each, strict=True)) for each in _transposed(columns, counts)]
    if is_dataclass(answer) and not isinstance(answer, type):
        columns = [_parts(getattr(answer, f.name), counts) for f in fields(answer)]
        names = [f.name for f in fields(answer)]
        kind = type(answer)
        return [
            kind(**dict(zip(names, each, strict=True))) for each in _transposed(columns, counts)
        ]
    return [answer] * len(counts)


def _transposed(columns: list[list[Any]], counts: list[int]) -> Iterable[tuple[Any, ...]]:
    """What each request has of every column; nothing of each where there is none."""
    return zip(*columns, strict=True) if columns else [()] * len(counts)
