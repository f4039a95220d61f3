"""Patience: work on an answer ends with the client's stay, or with its time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.errors import DeadlineError
from app.patience import Patience

Receive = Callable[[], Awaitable[Message]]


async def stays() -> Message:
    await asyncio.sleep(3600)
    raise AssertionError


async def leaves() -> Message:
    return {"type": "http.disconnect"}


def work(receive: Receive, *, seconds: float, max_seconds: float = 60) -> None:
    async def main() -> None:
        patience = Patience(max_seconds)
        with patience.while_there(receive):
            await asyncio.sleep(seconds)
        # Nobody is cancelled later on.
        await asyncio.sleep(0.15)

    asyncio.run(main())


def test_brief_work_is_let_alone_though_the_client_has_left() -> None:
    work(leaves, seconds=0)


def test_long_work_goes_on_while_the_client_is_there() -> None:
    work(stays, seconds=0.3)


def test_long_work_ends_when_the_client_leaves() -> None:
    with pytest.raises(ClientDisconnect):
        work(leaves, seconds=5)


def test_work_ends_when_its_time_is_over() -> None:
    with pytest.raises(DeadlineError, match=r"more than the 0.05 s .* needed fewer rows"):
        work(stays, seconds=5, max_seconds=0.05)


def test_somebody_elses_cancellation_is_none_of_ours() -> None:
    async def main() -> None:
        patience = Patience(60)

        async def held() -> None:
            with patience.while_there(stays):
                await asyncio.sleep(5)

        task = asyncio.create_task(held())
        await asyncio.sleep(0.25)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
