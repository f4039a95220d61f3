"""Numbers of several processes: kept through deaths, seen by all, never torn."""

import os
import signal
from multiprocessing import get_context

import pytest

from app.shared_numbers import SharedNumbers


def test_what_one_writes_all_can_read() -> None:
    numbers = SharedNumbers(2)
    for number in range(2):
        numbers.writer(number).numbers(("a", "b"), 3)[2] = number + 0.5

    assert list(numbers.read()) == [(("a", "b"), [0, 0, 0.5]), (("a", "b"), [0, 0, 1.5])]


def test_a_process_that_is_forked_writes_for_all() -> None:
    numbers = SharedNumbers(2)

    def count_and_die() -> None:
        numbers.writer(1).numbers(("a",))[0] += 7
        os.kill(os.getpid(), signal.SIGKILL)

    process = get_context("fork").Process(target=count_and_die)
    process.start()
    process.join()

    assert list(numbers.read()) == [(("a",), [7])]


def test_who_takes_anothers_place_goes_on_from_its_numbers() -> None:
    numbers = SharedNumbers()
    numbers.writer(0).numbers(("a",))[0] += 1

    second = numbers.writer(0)
    second.numbers(("a",))[0] += 1
    second.numbers(("b",))[0] += 1

    assert list(numbers.read()) == [(("a",), [2]), (("b",), [1])]


def test_a_key_may_be_any_text() -> None:
    numbers = SharedNumbers()
    keys = [("",), ("a" * 1000,), ('"\\\n', "ä"), ("12345",), ("123456",)]
    for key in keys:
        numbers.writer(0).numbers(key)

    assert [key for key, _ in numbers.read()] == keys


def test_an_entry_is_not_seen_before_it_is_whole() -> None:
    numbers = SharedNumbers()
    writer = numbers.writer(0)
    writer.numbers(("whole",))
    used = writer._words[0]
    writer.numbers(("torn",))

    writer._words[0] = used  # as if it had died one instruction earlier

    assert [key for key, _ in numbers.read()] == [("whole",)]
    assert list(numbers.writer(0).numbers(("next",))) == [0]


def test_without_room_counting_goes_on_unseen(caplog: pytest.LogCaptureFixture) -> None:
    numbers = SharedNumbers(region_words=11)
    writer = numbers.writer(0)
    for key in ("a", "b", "c", "d"):  # each takes 2 words, 1 of its key and 2 numbers
        writer.numbers((key,), 2)[1] += 1

    assert [key for key, _ in numbers.read()] == [("a",), ("b",)]
    assert caplog.text.count("no room") == 1
