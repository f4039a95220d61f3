"""The gathering transport: what is written in one turn of the loop is one write."""

import asyncio
from collections.abc import Callable
from unittest.mock import Mock
from unittest.mock import call as mock_call

from app.gathering import GatheringTransport


def written(*turns: Callable[[GatheringTransport], None]) -> list[bytes]:
    """What reaches the transport beneath when each of these has a turn of the loop."""
    beneath = open_transport()

    async def main() -> None:
        transport = GatheringTransport(beneath)
        for turn in turns:
            turn(transport)
            await asyncio.sleep(0)

    asyncio.run(main())
    calls = [call for call in beneath.method_calls if call != mock_call.is_closing()]
    return [call.args[0] if call.args else b"closed" for call in calls]


def open_transport() -> Mock:
    transport = Mock(spec=asyncio.Transport)
    transport.is_closing.return_value = False
    return transport


def test_one_turn_is_one_write() -> None:
    def head_and_body(transport: GatheringTransport) -> None:
        transport.write(b"head")
        transport.write(b"body")

    assert written(head_and_body, head_and_body) == [b"headbody", b"headbody"]


def test_much_is_written_at_once() -> None:
    sent: list[bytes] = []
    beneath = open_transport()
    beneath.write.side_effect = sent.append

    async def main() -> None:
        transport = GatheringTransport(beneath)
        transport.write(b"head")
        transport.write(bytes(100_000))
        assert len(sent) == 1
        await asyncio.sleep(0)

    asyncio.run(main())

    assert [len(data) for data in sent] == [100_004]


def test_nothing_is_lost_when_it_closes() -> None:
    def last_words(transport: GatheringTransport) -> None:
        transport.write(b"bye")
        transport.close()

    assert written(last_words) == [b"bye", b"closed"]


def test_a_client_that_has_left_is_sent_nothing() -> None:
    beneath = open_transport()

    async def main() -> None:
        GatheringTransport(beneath).write(b"held")
        beneath.is_closing.return_value = True
        await asyncio.sleep(0)

    asyncio.run(main())

    beneath.write.assert_not_called()


def test_everything_else_is_the_transports() -> None:
    beneath = Mock(spec=asyncio.Transport)
    beneath.is_closing.return_value = True

    async def main() -> bool:
        return bool(GatheringTransport(beneath).is_closing())

    assert asyncio.run(main())
