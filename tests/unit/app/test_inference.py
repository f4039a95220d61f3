"""Inference: what waits together is answered together, and everybody gets his own answer."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
import torch
from torch import Tensor

from app import inference as module
from app.errors import RefusedBodyError, TooManyRowsError
from app.inference import Inference
from app.loaded_model import LoadedModel
from app.metrics import Metrics
from app.settings import Settings
from app.workers import Worker
from model_store.errors import SupportError
from model_store.vae.model import VAE
from tests.builders import small_checkpoint

T = TypeVar("T")


def model() -> LoadedModel:
    checkpoint = small_checkpoint()
    row = torch.zeros(1, 2, 3, dtype=torch.float64)
    return LoadedModel("m", 1, checkpoint.document, checkpoint.build(), row)


MODEL = model()
WORK_OF_A_ROW = MODEL.size.encoder + MODEL.size.decoder


@dataclass(frozen=True)
class Found:
    values: Tensor
    parts: dict[str, Tensor]
    batch: int
    nothing: Tensor | None = None


@dataclass(eq=False)
class Question:
    """Doubles rows and remembers its batches; a held one waits until it is told to go."""

    batches: list[int] = field(default_factory=list)
    held: bool = False
    go: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _: VAE, x: Tensor, *, seed: int = 0) -> Found:
        self.batches.append(len(x))
        assert not self.held or self.go.wait(10)
        if (x < 0).any():
            raise SupportError(row=int((x < 0).nonzero()[0, 0]), feature=1, value=-1, needed="more")
        return Found(2 * x + seed, {"half": x / 2}, len(x))

    async def begun(self) -> None:
        while not self.batches:
            await asyncio.sleep(0.001)


@pytest.fixture
def all_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request goes to the thread, in slices of two rows."""
    monkeypatch.setattr(module, "BRIEF_WORK", 0)
    monkeypatch.setattr(module, "_SLICE_WORK", 2 * WORK_OF_A_ROW)


@pytest.fixture
def two_rows_are_brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request of three rows goes to the thread."""
    monkeypatch.setattr(module, "BRIEF_WORK", 2 * WORK_OF_A_ROW)


def rows(*values: float) -> dict[str, Tensor]:
    return {"inputs": torch.tensor([[v] * 6 for v in values], dtype=torch.float64).view(-1, 2, 3)}


def run(work: Callable[[Inference], Awaitable[T]], **settings: int) -> T:
    async def main() -> T:
        inference = Inference(Settings(**settings), Metrics(Worker.alone()))
        try:
            return await work(inference)
        finally:
            inference.close()

    return asyncio.run(main())


def together(question: Question, *asked: dict[str, Any], **settings: int) -> list[Any]:
    """The answers to what is asked at the same time."""

    async def work(inference: Inference) -> list[Any]:
        waiting = [inference.run(question, MODEL, **each) for each in asked]
        return await asyncio.gather(*waiting, return_exceptions=True)

    return list(run(work, **settings))


def test_what_waits_together_is_one_batch() -> None:
    question = Question()

    answers = together(question, *({"arrays": rows(i, i)} for i in range(5)))

    assert question.batches == [10]
    assert [answer.values[0, 0, 0].item() for answer in answers] == [0, 2, 4, 6, 8]


def test_what_arrives_one_after_the_other_in_a_busy_loop_is_one_batch() -> None:
    question = Question()

    async def work(inference: Inference) -> None:
        asked = []
        for i in range(3):
            asked.append(asyncio.ensure_future(inference.run(question, MODEL, rows(i))))
            await asyncio.sleep(0)
        await asyncio.gather(*asked)

    run(work)

    assert question.batches == [3]


def test_an_answer_holds_its_own_rows_in_every_part() -> None:
    first, second = together(Question(), {"arrays": rows(1, 2)}, {"arrays": rows(3)})

    assert first.parts["half"][:, 0, 0].tolist() == [0.5, 1.0]
    assert second.parts["half"][:, 0, 0].tolist() == [1.5]
    assert (second.batch, second.nothing) == (3, None)


def test_different_options_are_never_one_batch() -> None:
    question = Question()

    answers = together(question, {"arrays": rows(1), "seed": 1}, {"arrays": rows(1), "seed": 2})

    assert question.batches == [1, 1]
    assert [answer.values[0, 0, 0].item() for answer in answers] == [3, 4]


@pytest.mark.usefixtures("two_rows_are_brief")
def test_a_batch_is_no_longer_than_what_is_brief() -> None:
    question = Question()

    together(question, *({"arrays": rows(i)} for i in range(5)))

    assert question.batches == [2, 2, 1]


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


@pytest.mark.parametrize("lane", ["brief", "all_is_long"])
def test_what_nobody_waits_for_is_not_begun(lane: str, request: pytest.FixtureRequest) -> None:
    question = Question()
    if lane != "brief":
        request.getfixturevalue(lane)

    async def work(inference: Inference) -> Found:
        held = asyncio.ensure_future(inference.run(question, MODEL, rows(1), seed=1))
        gone = asyncio.ensure_future(inference.run(question, MODEL, rows(1, 1)))
        await asyncio.sleep(0)
        gone.cancel()
        await held
        return await inference.run(question, MODEL, rows(3))

    assert run(work).values[0, 0, 0] == 6
    assert question.batches == [1, 1]


@pytest.mark.usefixtures("two_rows_are_brief")
def test_who_has_gone_takes_no_place_in_a_batch() -> None:
    question = Question()

    async def work(inference: Inference) -> None:
        asked = [asyncio.ensure_future(inference.run(question, MODEL, rows(i))) for i in range(3)]
        await asyncio.sleep(0)
        asked[0].cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    run(work)

    assert question.batches == [2]


@pytest.mark.usefixtures("all_is_long")
def test_a_long_question_is_answered_in_slices_as_if_at_once() -> None:
    question = Question()

    (answer,) = together(question, {"arrays": rows(1, 2, 3, 4, 5)})

    assert question.batches == [2, 2, 1]
    assert answer.values[:, 0, 0].tolist() == [2, 4, 6, 8, 10]
    assert answer.parts["half"].shape == (5, 2, 3)
    assert answer.nothing is None


@pytest.mark.usefixtures("all_is_long")
def test_a_bad_row_of_a_later_slice_has_its_place_in_the_request() -> None:
    (refused,) = together(Question(), {"arrays": rows(1, 2, 3, -1)})

    assert isinstance(refused, RefusedBodyError)
    assert refused.refusals[0].location == "inputs[3]"


@pytest.mark.usefixtures("all_is_long")
def test_the_slices_of_long_questions_take_turns() -> None:
    order = []

    def asked(_: VAE, x: Tensor, *, who: str) -> Tensor:
        order.append(who)
        return x

    async def work(inference: Inference) -> None:
        long = inference.run(asked, MODEL, rows(1, 2, 3, 4, 5, 6), who="long")
        short = inference.run(asked, MODEL, rows(1), who="short")
        await asyncio.gather(long, short)

    run(work)

    assert order == ["long", "short", "long", "long"]


@pytest.mark.usefixtures("all_is_long")
def test_no_slice_is_begun_for_who_has_gone() -> None:
    question = Question(held=True)

    async def work(inference: Inference) -> None:
        gone = asyncio.ensure_future(inference.run(question, MODEL, rows(1, 2, 3, 4)))
        await question.begun()
        gone.cancel()
        question.go.set()
        await inference.run(question, MODEL, rows(3))

    run(work)

    assert question.batches == [2, 1]


@pytest.mark.usefixtures("two_rows_are_brief")
def test_a_long_question_holds_up_no_brief_one() -> None:
    long, brief = Question(held=True), Question()

    async def work(inference: Inference) -> Found:
        held = asyncio.ensure_future(inference.run(long, MODEL, rows(1, 1, 1)))
        await long.begun()
        answer = await inference.run(brief, MODEL, rows(1))
        long.go.set()
        await held
        return answer

    assert run(work).values[0, 0, 0] == 2


def test_more_rows_than_the_limit_are_never_computed() -> None:
    question = Question()

    with pytest.raises(TooManyRowsError, match="takes 1 at once"):
        run(lambda inference: inference.run(question, MODEL, rows(1, 2)), max_rows=1)

    assert question.batches == []
