"""Inference: what waits together is answered together, and everybody gets his own answer."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
import torch
from torch import Tensor

from app.errors import RefusedBodyError, TooManyRowsError
from app.inference import Inference
from app.loaded_model import LoadedModel
from app.settings import Settings
from model_store.errors import SupportError
from model_store.vae.model import VAE
from tests.builders import small_checkpoint

T = TypeVar("T")


def model() -> LoadedModel:
    checkpoint = small_checkpoint()
    row = torch.zeros(1, 2, 3, dtype=torch.float64)
    return LoadedModel("m", 1, checkpoint.document, checkpoint.build(), row)


MODEL = model()


@dataclass(frozen=True)
class Found:
    values: Tensor
    parts: dict[str, Tensor]
    batch: int
    nothing: Tensor | None = None


class Question:
    """Doubles rows, remembers its batches, and lets the first one wait until it is told to go."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.go = threading.Event()

    def __call__(self, _: VAE, x: Tensor, *, seed: int = 0) -> Found:
        self.batches.append(len(x))
        assert self.go.wait(10)
        if (x < 0).any():
            raise SupportError(row=int((x < 0).nonzero()[0, 0]), feature=1, value=-1, needed="more")
        return Found(2 * x + seed, {"half": x / 2}, len(x))


def rows(*values: float) -> dict[str, Tensor]:
    return {"inputs": torch.tensor([[v] * 6 for v in values], dtype=torch.float64).view(-1, 2, 3)}


def run(work: Callable[[Inference], Awaitable[T]], **settings: int) -> T:
    async def main() -> T:
        inference = Inference(Settings(**{"compute_threads": 1} | settings))
        try:
            return await work(inference)
        finally:
            inference.close()

    return asyncio.run(main())


def together(question: Question, *asked: dict[str, Any], **settings: int) -> list[Any]:
    """The answers to one question held up, and to those that queue behind it."""

    async def work(inference: Inference) -> list[Any]:
        held = asyncio.ensure_future(inference.run(question, MODEL, rows(0)))
        while not question.batches:
            await asyncio.sleep(0.001)
        waiting = [inference.run(question, MODEL, **each) for each in asked]
        tasks = [asyncio.ensure_future(each) for each in waiting]
        await asyncio.sleep(0.01)
        question.go.set()
        await held
        return await asyncio.gather(*tasks, return_exceptions=True)

    return list(run(work, **settings))


def test_what_waits_together_is_one_batch() -> None:
    question = Question()

    answers = together(question, *({"arrays": rows(i, i)} for i in range(5)))

    assert question.batches == [1, 10]
    assert [answer.values[0, 0, 0].item() for answer in answers] == [0, 2, 4, 6, 8]


def test_an_answer_holds_its_own_rows_in_every_part() -> None:
    first, second = together(Question(), {"arrays": rows(1, 2)}, {"arrays": rows(3)})

    assert first.parts["half"][:, 0, 0].tolist() == [0.5, 1.0]
    assert second.parts["half"][:, 0, 0].tolist() == [1.5]
    assert (second.batch, second.nothing) == (3, None)


def test_different_options_are_never_one_batch() -> None:
    question = Question()

    answers = together(question, {"arrays": rows(1), "seed": 1}, {"arrays": rows(1), "seed": 2})

    assert question.batches == [1, 1, 1]
    assert [answer.values[0, 0, 0].item() for answer in answers] == [3, 4]


def test_a_batch_does_not_grow_beyond_its_limit() -> None:
    question = Question()

    together(question, *({"arrays": rows(1, 1)} for _ in range(5)), max_batch_rows=4)

    assert sorted(question.batches) == [1, 2, 4, 4]


def test_what_asks_the_same_waits_for_a_brief_batch_though_a_thread_is_free() -> None:
    question = Question()

    together(question, *({"arrays": rows(i)} for i in range(5)), compute_threads=2)

    assert question.batches == [1, 5]


def test_what_asks_the_same_does_not_wait_for_a_long_batch() -> None:
    question = Question()

    async def work(inference: Inference) -> None:
        long = rows(*[0.0] * 2000)
        asked = [asyncio.ensure_future(inference.run(question, MODEL, long))]
        while len(question.batches) < 2:
            asked.append(asyncio.ensure_future(inference.run(question, MODEL, rows(1))))
            await asyncio.sleep(0.001)
        question.go.set()
        await asyncio.gather(*asked)

    run(work, compute_threads=2)

    assert question.batches[:2] == [2000, 1]


def test_another_question_does_not_wait_for_a_brief_batch() -> None:
    question, other = Question(), Question()
    other.go.set()

    async def work(inference: Inference) -> Found:
        held = asyncio.ensure_future(inference.run(question, MODEL, rows(0)))
        answer = await inference.run(other, MODEL, rows(1))
        question.go.set()
        await held
        return answer

    assert run(work, compute_threads=2).values[0, 0, 0] == 2


def test_a_bad_row_fails_its_own_request_only() -> None:
    good, bad, also_good = together(
        Question(), {"arrays": rows(1)}, {"arrays": rows(1, -1)}, {"arrays": rows(2)}
    )

    assert good.values[0, 0, 0] == 2
    assert also_good.values[0, 0, 0] == 4
    assert isinstance(bad, RefusedBodyError)
    assert bad.refusals[0].location == "inputs[1]"


def test_a_fault_is_told_to_everybody_in_the_batch() -> None:
    def broken(_: VAE, x: Tensor) -> Tensor:
        raise ZeroDivisionError

    async def work(inference: Inference) -> list[Any]:
        asked = [inference.run(broken, MODEL, rows(1)) for _ in range(3)]
        return await asyncio.gather(*asked, return_exceptions=True)

    assert [type(answer) for answer in run(work)] == [ZeroDivisionError] * 3


def test_who_has_gone_is_not_waited_for() -> None:
    question = Question()

    async def work(inference: Inference) -> Found:
        gone = asyncio.ensure_future(inference.run(question, MODEL, rows(1)))
        while not question.batches:
            await asyncio.sleep(0.001)
        gone.cancel()
        question.go.set()
        return await inference.run(question, MODEL, rows(3))

    assert run(work).values[0, 0, 0] == 6


def test_the_event_loop_goes_on_meanwhile() -> None:
    question = Question()

    async def work(inference: Inference) -> int:
        asked = asyncio.ensure_future(inference.run(question, MODEL, rows(1)))
        ticks = 0
        while not question.batches or ticks < 5:
            await asyncio.sleep(0.001)
            ticks += 1
        question.go.set()
        await asked
        return ticks

    assert run(work) >= 5


def test_more_rows_than_the_limit_never_reach_a_thread() -> None:
    question = Question()

    with pytest.raises(TooManyRowsError, match="takes 1 at once"):
        run(lambda inference: inference.run(question, MODEL, rows(1, 2)), max_rows=1)

    assert question.batches == []
