"""`anomaly` line by line: answers while rows are still coming, and every bad line its own error."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from starlette.types import Message

from model_store.store import FolderStore
from tests.builders import calibrated_table, small_checkpoint
from tests.service import Service, places, refused, serving

PATH = "/v1/models/table/anomaly"
STREAM = "application/x-ndjson"
RECORD = {"job": "cook", "age": 1.5, "member": 1, "colour": "red", "visits": 0, "gap": -0.5}
GOOD = orjson.dumps(RECORD)
LIMIT = 10_000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = FolderStore(tmp_path_factory.mktemp("store"))
    store.publish("table", calibrated_table())
    store.publish("bare", small_checkpoint("mixed"))
    with serving(store.root, max_body_bytes=LIMIT) as service:
        yield service


def streamed(service: Service, *lines: bytes, query: str = "") -> list[dict[str, Any]]:
    response = sent(service, b"\n".join(lines), query=query)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == STREAM
    assert response.headers["x-model"] == "table@1"
    return [orjson.loads(line) for line in response.content.splitlines()]


def sent(service: Service, content: bytes, query: str = "", path: str = PATH) -> httpx.Response:
    return service.post(path + query, content, **{"Content-Type": STREAM})


def test_each_line_is_answered_as_the_row_by_itself(service: Service) -> None:
    other = RECORD | {"age": 300, "gap": None}
    alone = [service.ask("anomaly", "table", records=[r]) for r in (RECORD, other)]

    answers = streamed(service, GOOD, b"", orjson.dumps(other) + b"\r")

    assert [answer["line"] for answer in answers] == [1, 3]
    for answer, one in zip(answers, alone, strict=True):
        assert answer["score"] == pytest.approx(one["score"][0])
        assert [answer["p_value"]] == one["p_value"]
        assert [answer["is_anomaly"]] == one["is_anomaly"]


def test_arrays_are_rows_too(service: Service) -> None:
    record, array = streamed(service, GOOD, b"[1.5, 1, 2, 0, -0.5, 0]")

    assert array == record | {"line": 2}


def test_options_stand_in_the_query_string(service: Service) -> None:
    (answer,) = streamed(service, GOOD, query="?explain=2&score=all")

    assert len(answer["explanation"]) == 2
    assert answer["scores"]["combined"] == answer["score"]


@pytest.mark.parametrize(
    ("line", "name", "message"),
    [
        (b"{", "not-json", "line 2: It is not JSON, or one of its numbers has more than 64 bits."),
        (b"{}, {}", "not-json", None),
        (b'{"age": "old"}', "refused-body", "line 2: feature 'age' is a string; needed a number."),
        (b'{"colour": "pink"}', "refused-body", None),
        (b'{"ages": 1}', "refused-body", None),
        (b"7", "refused-body", "line 2 is a number; needed an object of features."),
        (b"[1, 2]", "refused-body", "line 2 has 2 values; this model takes 6."),
        (
            b'{"visits": -1}',
            "refused-body",
            "line 2: feature 'visits' (count) is -1; needed an integer of at least 0.",
        ),
        (b"[" * 5000, "not-json", None),
        (b" " * LIMIT + b"1", "too-many-bytes", None),
        (b"\xff", "not-json", None),
    ],
)
def test_a_bad_line_has_an_error_of_its_own(
    service: Service, line: bytes, name: str, message: str | None
) -> None:
    before, error, after = streamed(service, GOOD, line, GOOD)

    assert before == after | {"line": 1}
    assert error["type"] == f"urn:vae-service:problem:{name}"
    assert error["line"] == 2
    assert places(error)[0].startswith("line 2")
    assert message in (error["detail"], None)


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("?fdr=0.1", "fdr"),
        ("?false_positive_rate=0.0001", "false_positive_rate"),
        ("?seed=1", "seed"),
        ("?records=1", "records"),
    ],
)
def test_what_is_wrong_with_every_row_is_refused_at_once(
    service: Service, query: str, place: str
) -> None:
    assert places(refused(sent(service, GOOD, query), 422)) == [place]


def test_a_model_without_calibration_is_refused_at_once(service: Service) -> None:
    refused(sent(service, GOOD, path="/v1/models/bare/anomaly"), 409)


def test_other_questions_take_no_streams(service: Service) -> None:
    refused(sent(service, GOOD, path="/v1/models/table/elbo"), 415)
    refused(sent(service, GOOD * LIMIT, path="/v1/models/table/elbo"), 413)


def test_a_stream_may_be_longer_than_a_body(service: Service) -> None:
    lines = [GOOD] * (2 * LIMIT // len(GOOD))

    assert len(streamed(service, *lines)) == len(lines)


class Client:
    """Sends the same part of a body again and again, and counts answers and lines without one.

    Args:
        part: The part.
        answers: The answers after which it leaves.
    """

    def __init__(self, part: bytes, answers: int) -> None:
        self.part = part
        self.wanted = answers
        self.answered = self.ahead = self.lines = 0

    async def receive(self) -> Message:
        if self.answered >= self.wanted:
            return {"type": "http.disconnect"}
        self.lines += self.part.count(b"\n")
        self.ahead = max(self.ahead, self.lines)
        return {"type": "http.request", "body": self.part, "more_body": True}

    async def send(self, message: Message) -> None:
        await asyncio.sleep(0.001)
        self.answered += len(message.get("body", b"")) > 0
        self.lines -= message.get("body", b"").count(b"\n")

    def ask(self, service: Service) -> None:
        scope = {
            "type": "http",
            "method": "POST",
            "path": PATH,
            "query_string": b"",
            "headers": [(b"content-type", STREAM.encode())],
        }
        service.portal.call(service.app, scope, self.receive, self.send)


def test_no_more_is_read_than_a_batch_ahead_of_the_answers(service: Service) -> None:
    client = Client((GOOD + b"\n") * 64, answers=20)

    client.ask(service)

    assert client.answered >= 20
    # What is being answered, what waits, and what has come with the last of it.
    assert client.ahead <= 512 + 512 + 64


def test_a_line_without_an_end_is_answered(service: Service) -> None:
    client = Client(b"[" * LIMIT, answers=1)

    client.ask(service)

    assert client.answered == 1
