"""Small questions that have come on many connections, asked as one about the rows of all.

Whatever has arrived and asks the same of the same model is one question to its endpoint and one
reply, which is cut into answers: what a question costs beside its rows is paid once. Nobody is
waited for: while the requests that have come are read others arrive, and when no more do those that
are there are answered. Noise does not depend on a row's place, so no answer depends on who else
asks.

Nothing is refused here. What cannot be read or answered so goes the long way, alone, where errors
are made, deadlines kept and long work is done in slices.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from app.asgi import Written
from app.brief import BriefInference, TooManyTogetherError
from app.heads import Kind
from app.reading import Body, Reader
from app.routes.media import Sent
from app.work import Work
from model_store.errors import InputError

_MOST_LOOKS = 8
# To answer a group, one fewer after each that is refused; then all go the long way.
_MOST_ATTEMPTS = 8
_MOST_REMEMBERED = 4096


class Asker(Protocol):
    """A connection that has asked something."""

    @property
    def open_connections(self) -> int:
        """How many connections there are, this one among them."""

    @property
    def is_gone(self) -> bool:
        """Whether nobody waits for the answer any longer."""

    def drop(self) -> None:
        """Gives the request up."""

    def answer(self, answer: Written) -> None:
        """Takes the answer."""

    def pass_on(self) -> None:
        """Asks again, on the long way."""


class _Asked(NamedTuple):
    """What one request asks about.

    Args:
        asker: Who asks.
        sent: The body.
        arrays: The rows, by the names of their fields.
        rows: How many.
    """

    asker: Asker
    sent: Sent
    arrays: Mapping[str, np.ndarray]
    rows: int


@dataclass(eq=False, slots=True)
class _Group:
    """Requests that ask the same.

    Args:
        key: What they have in common.
        kind: What their heads say.
        options: The fields of their bodies but for rows.
        takes_others: Whether others may ask the same.
        asked: About what.
        most_rows: How many rows can be answered at once, as far as is known.
    """

    key: object
    kind: Kind
    options: Mapping[str, Any]
    takes_others: bool
    asked: list[_Asked] = field(default_factory=list)
    most_rows: int | None = None


class Together:
    """Takes requests, and answers them a group at a time."""

    def __init__(self) -> None:
        self._new: list[tuple[Asker, Kind, bytes | memoryview]] = []
        self._groups: dict[object, _Group] = {}
        self._reader = Reader()
        # How many rows of those that ask the same could be answered at once, where it was too many.
        self._most_rows: dict[object, int] = {}
        self._is_going = False
        self._looks = 0
        self._read_count = 0

    def add(self, asker: Asker, kind: Kind, body: bytes | memoryview) -> None:
        """Has a request answered, or passed on, soon; now, if there is nobody else to ask."""
        self._new.append((asker, kind, body))
        if self._is_going:
            return
        if asker.open_connections > 1:
            self._start()
        else:
            self._is_going = True
            self._go_on()

    def _start(self) -> None:
        if not self._is_going:
            self._is_going = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        """Reads what has come, and answers some of it if there is nothing left to come."""
        new, self._new = self._new, []
        of_a_length: dict[tuple[Kind, int], list[tuple[Asker, Sent]]] = {}
        for asker, kind, body in new:
            sent = Sent(body, kind.media_type, kind.query)
            of_a_length.setdefault((kind, len(body)), []).append((asker, sent))
        for (kind, _), asked in of_a_length.items():
            self._read(kind, asked)
        self._read_count += len(new)
        more_may_come = new and self._read_count < new[-1][0].open_connections
        if more_may_come and self._looks < _MOST_LOOKS:
            self._looks += 1
        else:
            self._looks = self._read_count = 0
            self._answer_oldest()
        self._is_going = False
        if self._groups or self._new or self._looks:
            self._start()

    def _read(self, kind: Kind, asked: Sequence[tuple[Asker, Sent]]) -> None:
        """Puts requests of one kind and length to those that ask the same."""
        group, options = None, None
        bodies = self._reader.read(kind, [sent for _, sent in asked])
        for (asker, sent), body in zip(asked, bodies, strict=True):
            if body is None:
                asker.pass_on()
                continue
            if group is None or body.options is not options or not group.takes_others:
                group, options = self._group(kind, body), body.options
            group.asked.append(_Asked(asker, sent, body.arrays, body.rows))

    def _group(self, kind: Kind, body: Body) -> _Group:
        """Those that ask the same."""
        group = None if body.key is None else self._groups.get(body.key)
        if group is None:
            key = object() if body.key is None else body.key
            group = self._groups[key] = _Group(key, kind, body.options, body.key is not None)
            group.most_rows = self._most_rows.get(key)
        return group

    def _answer_oldest(self) -> None:
        """Answers those of the oldest group that can be answered at once."""
        if not self._groups:
            return
        group = self._groups.pop(next(iter(self._groups)))
        for asked in [asked for asked in group.asked if asked.asker.is_gone]:
            group.asked.remove(asked)
            asked.asker.drop()
        Work(self._answer(group), asyncio.get_running_loop()).go_on()

    async def _answer(self, group: _Group) -> None:
        for _ in range(_MOST_ATTEMPTS):
            self._cut(group)
            answers = await _attempt(group)
            self._remember(group)
            if answers is not None:
                for asked, answer in zip(group.asked, answers, strict=True):
                    asked.asker.answer(answer)
                return
        _pass_on(group, group.asked)

    def _remember(self, group: _Group) -> None:
        """Keeps what was found out, so that others need not find it out again."""
        if group.takes_others and group.most_rows is not None:
            if len(self._most_rows) >= _MOST_REMEMBERED:
                self._most_rows.clear()
            self._most_rows[group.key] = group.most_rows

    def _cut(self, group: _Group) -> None:
        """Leaves as many of the group as can be answered at once; the others have another turn."""
        most = group.most_rows
        if most is None or sum([asked.rows for asked in group.asked]) <= most:
            return
        _pass_on(group, [asked for asked in group.asked if asked.rows > most])
        ends = accumulate([asked.rows for asked in group.asked])
        count = sum(end <= most for end in ends)
        left, group.asked = group.asked[count:], group.asked[:count]
        if left:
            # Behind those that ask something else.
            waiting = self._groups.setdefault(group.key, replace(group, asked=[]))
            waiting.asked, waiting.most_rows = [*left, *waiting.asked], most
            self._start()


async def _attempt(group: _Group) -> Sequence[Written] | None:
    """The answers to all that are left of the group, if it could be answered at once."""
    if not group.asked:
        return ()
    try:
        return await _answers(group)
    except TooManyTogetherError as error:
        group.most_rows = error.most_rows
    except InputError as error:
        _pass_on(group, _refused(group, error))
    except Exception:  # noqa: BLE001 - it will be raised again where it is told
        _pass_on(group, group.asked)
    return None


async def _answers(group: _Group) -> Sequence[Written]:
    """The answers to all.

    Raises:
        TooManyTogetherError: they would take too long, or one of them is too large.
        InputError: a row is refused.
        VaeError: what all ask is refused.
    """
    kind, asked = group.kind, group.asked
    counts = [each.rows for each in asked]
    # Of numpy's arrays: of as many tensors it would take four times as long.
    rows = asked[0].arrays
    if len(asked) > 1:
        rows = {name: np.concatenate([each.arrays[name] for each in asked]) for name in rows}
    tensors = {name: torch.from_numpy(array) for name, array in rows.items()}
    body = kind.media.question_of({**group.options, **tensors})
    services = kind.services
    inference = BriefInference(services.inference, kind.metrics, counts)
    reply = await kind.route.endpoint(body=body, model=kind.model, inference=inference)
    most, sent = services.settings.max_elements, [(each.sent, each.rows) for each in asked]
    answers = await kind.media.write_each(reply, kind.wanted, kind.model, most, sent)
    reply.tell(services.drift, kind.model)
    return answers


def _refused(group: _Group, error: InputError) -> Sequence[_Asked]:
    """The request whose row is refused, or all where the error does not say which."""
    row: int | None = getattr(error, "row", None)
    ends = accumulate([asked.rows for asked in group.asked])
    places = [] if row is None else [place for place, end in enumerate(ends) if row < end]
    return [group.asked[place] for place in places[:1]] or group.asked


def _pass_on(group: _Group, refused: Sequence[_Asked]) -> None:
    """Has these answered on the long way."""
    for asked in [*refused]:
        group.asked.remove(asked)
        asked.asker.pass_on()
