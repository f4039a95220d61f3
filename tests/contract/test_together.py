"""Small questions that have come together: one question to the model, an answer for each."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app import brief
from app.asgi import Written
from app.heads import Heads, Kind
from app.together import Together
from app.wire import pieces
from tests.builders import calibrated_checkpoint, small_store
from tests.closeness import assert_close
from tests.models import random_rows
from tests.service import Service, serving

ROWS = random_rows("gaussian", 8).tolist()
BAD = [[0, 0, 0], [0, 0, 1e300]]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"))
    store.publish("gaussian", calibrated_checkpoint())
    with serving(store.root) as service:
        service.ask("elbo", inputs=ROWS)
        yield service


@dataclass(eq=False)
class Asker:
    """A connection that only remembers what becomes of its request."""

    open_connections: int
    is_gone: bool = False
    answers: list[Any] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def answer(self, answer: Written) -> None:
        self._end(json.loads(answer.content))

    def pass_on(self) -> None:
        self._end("passed on")

    def drop(self) -> None:
        self._end("dropped")

    def _end(self, how: object) -> None:
        self.answers.append(how)
        self.ended.set()


def kind_of(service: Service, question: str) -> Kind:
    """What a head of this question, in JSON, means."""
    heads, head = Heads(service.app), b"head"
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    path = f"/v1/models/gaussian/{question}"
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    heads.learn(head, {**scope, "query_string": b""}, 2)
    found = heads.find(head)
    assert found is not None
    return found.kind


def asked(
    service: Service, question: str, *bodies: dict[str, Any], gone: Sequence[int] = ()
) -> list[Any]:
    """What becomes of bodies that come at the same time."""
    kind = kind_of(service, question)

    async def ask() -> list[Any]:
        together = Together()
        askers = [Asker(len(bodies), is_gone=place in gone) for place in range(len(bodies))]
        for asker, body in zip(askers, bodies, strict=True):
            together.add(asker, kind, json.dumps(body).encode())
        for asker in askers:
            await asyncio.wait_for(asker.ended.wait(), 10)
        return [answer for asker in askers for answer in asker.answers]

    return service.portal.call(ask)


def batches(service: Service) -> tuple[float, float]:
    """How many there have been, and of how many rows."""
    families = text_string_to_metric_families(service.get("/metrics").text)
    samples = {s.name: s.value for family in families for s in family.samples}
    return samples["vae_batch_rows_count"], samples["vae_batch_rows_sum"]


def test_they_are_one_batch_and_have_their_own_answers(service: Service) -> None:
    bodies = [{"inputs": ROWS[start : start + 2]} for start in range(0, 8, 2)]
    before = batches(service)

    answers = asked(service, "elbo", *bodies)

    after = batches(service)
    whole = service.ask("elbo", inputs=ROWS)
    assert (after[0] - before[0], after[1] - before[1]) == (1, 8)
    assert [len(each["elbo"]) for each in answers] == [2, 2, 2, 2]
    assert_close([*chain(*[each["elbo"] for each in answers])], whole["elbo"], "elbo")
    assert all(each.keys() == whole.keys() for each in answers)
    assert all(each["model"] == whole["model"] for each in answers)


@pytest.mark.parametrize(
    ("question", "options"),
    [
        ("elbo", {"per_feature": True, "per_latent": True}),
        ("log-likelihood", {"num_samples": 4}),
        ("log-likelihood", {"num_samples": 32, "target_standard_error": 0.5, "max_samples": 64}),
        ("encode", {"num_samples": 2}),
        ("impute", {"num_imputations": 2}),
        ("anomaly", {"score": "all", "explain": 2, "false_positive_rate": 0.5}),
    ],
)
def test_every_part_of_an_answer_is_about_the_rows_that_were_asked_about(
    service: Service, question: str, options: dict[str, Any]
) -> None:
    bodies = [{"inputs": ROWS[:1], **options}, {"inputs": ROWS[1:4], **options}]

    together = asked(service, question, *bodies)

    for body, answer in zip(bodies, together, strict=True):
        (alone,) = asked(service, question, body)
        assert_close(answer, alone, question)


def test_large_answers_are_written_in_pieces(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [{"inputs": ROWS[:2], "per_feature": True}, {"inputs": ROWS[2:], "per_feature": True}]
    at_once = asked(service, "elbo", *bodies)
    monkeypatch.setattr(pieces, "PIECE_NUMBERS", 10)

    assert asked(service, "elbo", *bodies) == at_once


def test_rows_without_tensors_are_drawn_for_each(service: Service) -> None:
    bodies = [{"num_samples": 2}, {"num_samples": 2}, {"num_samples": 1}]

    answers = asked(service, "sample", *bodies)

    assert [len(answer["samples"]) for answer in answers] == [2, 2, 1]
    assert answers[0] == answers[1]


def test_a_refused_row_is_passed_on_and_its_neighbours_are_answered(service: Service) -> None:
    bodies = [{"inputs": rows} for rows in (ROWS[:2], [ROWS[2], BAD], ROWS[3:4])]

    first, second, third = asked(service, "elbo", *bodies)

    assert (len(first["elbo"]), second, len(third["elbo"])) == (2, "passed on", 1)


def test_what_cannot_be_read_is_passed_on(service: Service) -> None:
    unreadable = [{"inputs": 1}, {"inputs": [ROWS[0][:1]]}, {"inputs": ROWS, "what": 1}, {}]

    answers = asked(service, "elbo", *unreadable, {"inputs": ROWS})

    assert answers[:4] == ["passed on"] * 4
    assert len(answers[4]["elbo"]) == len(ROWS)


def test_digits_are_read_together_and_whatever_else_comes_alone(service: Service) -> None:
    digits = [[[[1, 2, 3], [4, 5, place]]] for place in range(4)]
    bodies: list[dict[str, Any]] = [{"inputs": rows, "seed": 1} for rows in digits]
    bodies[1]["seed"] = 2
    bodies[2]["inputs"] = [[[1, 2, 3], [4, 55, 0]]]

    answers = asked(service, "elbo", *bodies)

    for body, answer in zip(bodies, answers, strict=True):
        assert_close(answer, service.ask("elbo", **body), "elbo")
    assert len({answer["elbo"][0] for answer in answers}) == 4


def test_options_that_look_equal_are_not_the_same(service: Service) -> None:
    bodies = [{"inputs": ROWS, "num_samples": number} for number in (1, True, 1.0)]

    good, flag, broken = asked(service, "elbo", *bodies)

    assert (len(good["elbo"]), flag, broken) == (len(ROWS), "passed on", "passed on")


def test_nobody_is_answered_who_has_left(service: Service) -> None:
    before = batches(service)

    answers = asked(service, "elbo", {"inputs": ROWS}, {"inputs": ROWS[:3]}, gone=[0])

    assert answers[0] == "dropped"
    assert batches(service)[1] == before[1] + 3


def test_more_rows_than_are_brief_are_answered_in_turns(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = kind_of(service, "elbo").model.size
    monkeypatch.setattr(brief, "BRIEF_WORK", 3 * (size.encoder + 16 * size.decoder))
    bodies = [{"inputs": ROWS[:count]} for count in (1, 2, 4, 2, 1)]
    before = batches(service)

    answers = asked(service, "elbo", *bodies)

    assert answers[2] == "passed on"
    assert [len(answers[place]["elbo"]) for place in (0, 1, 3, 4)] == [1, 2, 2, 1]
    # As they are read: two of one row, and each of those of two.
    assert batches(service) == (before[0] + 3, before[1] + 6)


def test_what_is_said_of_a_whole_request_is_said_of_each(service: Service) -> None:
    few, many = (
        random_rows("gaussian", 1, seed=5).tolist(),
        (random_rows("gaussian", 6) * 9).tolist(),
    )
    bodies = [{"inputs": few, "fdr": 0.5}, {"inputs": many, "fdr": 0.5}]

    answers = asked(service, "anomaly", *bodies)

    alone = [service.ask("anomaly", **body) for body in bodies]
    assert [a["p_value_threshold"] for a in answers] == [a["p_value_threshold"] for a in alone]


def test_p_values_are_counted_once(service: Service) -> None:
    def seen() -> int:
        response: httpx.Response = service.get("/v1/models/gaussian/drift")
        return int(response.json()["rows"])

    before = seen()

    asked(service, "anomaly", {"inputs": ROWS[:3]}, {"inputs": ROWS[3:]})

    assert seen() == before + len(ROWS)
