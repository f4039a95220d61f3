"""A coroutine without a task: it goes on whenever what it waits for is there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.work import Work


async def lets_others_have_turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def waits_for_a_thread() -> None:
    await asyncio.to_thread(lambda: None)


async def waits_for_what_fails() -> None:
    with pytest.raises(ValueError, match="no"):
        await asyncio.to_thread(int, "no")


@pytest.mark.parametrize(
    "waits", [lets_others_have_turns, waits_for_a_thread, waits_for_what_fails]
)
def test_it_comes_to_its_end(waits: Callable[[], Awaitable[Any]]) -> None:
    async def main() -> str:
        ended = asyncio.get_running_loop().create_future()

        async def work() -> None:
            await waits()
            ended.set_result("ended")

        Work(work(), asyncio.get_running_loop()).go_on()
        return str(await asyncio.wait_for(ended, 10))

    assert asyncio.run(main()) == "ended"


def test_it_begins_at_once() -> None:
    begun: list[bool] = []

    async def main() -> None:
        async def begins() -> None:
            begun.append(True)

        Work(begins(), asyncio.get_running_loop()).go_on()
        assert begun

    asyncio.run(main())
