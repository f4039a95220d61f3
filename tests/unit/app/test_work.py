"""A coroutine without a task: the same course and the same end as with one."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from app.work import Work

Run = Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]


async def by_itself(coroutine: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
    ended: list[Work[Any]] = []
    work = Work(coroutine, ended.append, asyncio.get_running_loop())
    work.go_on()
    try:
        return await work.wait()
    finally:
        assert ended == [work]


async def returns_at_once() -> int:
    return 1


async def lets_others_have_turns() -> int:
    for _ in range(3):
        await asyncio.sleep(0)
    return 2


async def waits_for_a_thread() -> int:
    return await asyncio.to_thread(lambda: 3)


async def fails() -> None:
    await asyncio.sleep(0)
    raise ValueError("no")


@pytest.mark.parametrize("does", [returns_at_once, lets_others_have_turns, waits_for_a_thread])
def test_it_returns_what_a_task_returns(does: Callable[[], Coroutine[Any, Any, int]]) -> None:
    assert asyncio.run(by_itself(does())) == asyncio.run(does())


def test_it_ends_in_its_error() -> None:
    with pytest.raises(ValueError, match="no"):
        asyncio.run(by_itself(fails()))


def test_it_begins_at_once() -> None:
    begun: list[bool] = []

    async def main() -> None:
        async def begins() -> None:
            begun.append(True)

        Work(begins(), lambda _: None, asyncio.get_running_loop()).go_on()
        assert begun

    asyncio.run(main())


def test_whoever_waits_and_is_cancelled_cancels_it() -> None:
    async def main() -> tuple[bool, BaseException | None]:
        awaited = asyncio.get_running_loop().create_future()

        async def waits() -> None:
            await awaited

        work = Work(waits(), lambda _: None, asyncio.get_running_loop())
        work.go_on()
        waiter = asyncio.create_task(work.wait())
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.sleep(0.01)
        return awaited.cancelled(), work.error

    cancelled, error = asyncio.run(main())

    assert cancelled
    assert isinstance(error, asyncio.CancelledError)
