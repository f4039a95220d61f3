"""Requests as batches: what is asked together, cut into slices, and given back to each."""

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from app.capacity import Allowance
from app.loaded_model import LoadedModel
from app.refusals import located
from model_store.errors import InputError


@dataclass(frozen=True, eq=False)
class Ask:
    """What requests must have in common to be answered as one; there are no two that are alike.

    Args:
        function: A function of `model_store.vae`.
        model: The model that is asked.
        fields: The names of the tensors.
        options: The rest of the function's arguments.
        allowance: How many rows a request may have, and what each of them takes.
    """

    function: Callable[..., Any]
    model: LoadedModel
    fields: tuple[str, ...]
    options: Mapping[str, Hashable]
    allowance: Allowance

    def __call__(self, arrays: Iterable[Tensor]) -> Any:  # noqa: ANN401 - any function's answer
        """The answer about these rows."""
        return self.function(self.model.vae, *arrays, **self.options)


@dataclass(eq=False, slots=True)
class Job:
    """One request's part of the work.

    Args:
        ask: What is asked.
        arrays: About which rows; none for a request about no rows.
        rows: How many.
        work: What all of them take, in multiplications.
        rows_at_once: How many of them one slice may have.
        answer: Where the answer goes; done early if whoever asked has gone.
        parts: The answers to the slices that have been computed.
    """

    ask: Ask
    arrays: tuple[Tensor, ...]
    rows: int
    work: int
    rows_at_once: int
    answer: "asyncio.Future[Any]"
    parts: list[Any] = field(default_factory=list)

    def compute_slice(self) -> None:
        """Answers the next rows.

        Raises:
            VaeError: a row is refused.
        """
        start = len(self.parts) * self.rows_at_once
        arrays = self.arrays
        if self.rows > self.rows_at_once:
            arrays = tuple(each[start : start + self.rows_at_once] for each in arrays)
        try:
            self.parts.append(self.ask(arrays))
        except InputError as error:
            raise self._located(error.after(start)) from None

    @property
    def next_rows(self) -> int:
        """How many rows the next slice has."""
        return min(self.rows_at_once, self.rows - len(self.parts) * self.rows_at_once)

    @property
    def is_complete(self) -> bool:
        """Whether all rows have been answered."""
        return len(self.parts) * self.rows_at_once >= self.rows

    def settle(self, answer: Any) -> None:  # noqa: ANN401 - any function's answer
        """Gives the answer, or the error, to whoever asked."""
        if self.answer.done():
            return
        if isinstance(answer, BaseException):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)

    def answer_alone(self) -> Any:  # noqa: ANN401 - any function's answer
        """The answer, or the error that is its own."""
        try:
            return self.ask(self.arrays)
        except InputError as error:
            return self._located(error)

    def _located(self, error: InputError) -> Exception:
        arrays = dict(zip(self.ask.fields, self.arrays, strict=True))
        return located(error, self.ask.model, arrays)


def answers(batch: Sequence[Job]) -> Sequence[Any]:
    """Each job's answer, or the error that is its own; all of them ask the same."""
    if len(batch) == 1:
        return [batch[0].answer_alone()]
    try:
        together = batch[0].ask(map(torch.cat, zip(*(j.arrays for j in batch), strict=True)))
    except InputError:
        # One bad row must not fail its neighbours.
        return [job.answer_alone() for job in batch]
    return parted(together, [job.rows for job in batch])


def parted(answer: Any, counts: list[int]) -> Sequence[Any]:  # noqa: ANN401 - any function's answer
    """The same answer for the first so many of the rows, for the next so many, and so on."""
    if isinstance(answer, Tensor):
        parts: Sequence[Tensor] = answer.split(counts)
        return parts
    if isinstance(answer, dict):
        columns = [parted(value, counts) for value in answer.values()]
        # Of no columns, each request gets as many.
        rows = zip(*columns, strict=True) if columns else [()] * len(counts)
        return [dict(zip(answer, each, strict=True)) for each in rows]
    if is_dataclass(answer) and not isinstance(answer, type):
        columns = [parted(getattr(answer, f.name), counts) for f in fields(answer)]
        kind = type(answer)
        return [kind(*each) for each in zip(*columns, strict=True)]
    return [answer] * len(counts)


def joined(parts: Sequence[Any]) -> Any:  # noqa: ANN401 - any function's answer
    """The answer whose slices are given; what is said of all rows is the first slice's."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if isinstance(first, Tensor):
        return torch.cat(list(parts))
    if isinstance(first, dict):
        return {name: joined([part[name] for part in parts]) for name in first}
    if is_dataclass(first) and not isinstance(first, type):
        values = [joined([getattr(part, f.name) for part in parts]) for f in fields(first)]
        return type(first)(*values)
    return first
