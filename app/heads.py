"""Heads of requests that have come before, byte for byte: they mean what they meant then.

A client sends one head again and again, and reading it takes as long as a small question does. The
first time it is read as ever; what came of it is remembered, and the next request with it is at its
question at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from starlette.types import Scope

from app.asgi import content_type, headers_of, is_stream
from app.dependencies import Services
from app.errors import MediaTypeError, NotAcceptableError
from app.loaded_model import LoadedModel
from app.main import App
from app.metrics import Metrics
from app.routes.media import Media, Query, is_brief
from app.routes.questions import QuestionRoute

# In numbers: what a client's bodies of slightly different lengths need, of a megabyte or two.
_MOST_HEADS = 4096
_LONGEST_HEAD = 1024
# A larger body is read as it comes: to put it together holds everybody up.
_LONGEST_BODY = 2**20

# Headers that make a head the only one of its kind, or its body another than the bytes after it.
_SINGULAR = {b"x-request-id", b"traceparent", b"transfer-encoding", b"expect", b"upgrade"}


@dataclass(frozen=True, eq=False)
class Kind:
    """What heads of one meaning say; there are no two that are alike.

    Args:
        route: Of the question.
        model: The model that is asked.
        media: The bodies of the question to it.
        media_type: That of the bodies.
        wanted: That of the answers.
        query: The names and values of the query string.
        services: Of the app.
        metrics: Is told of requests.
        content_type: The header of the answers.
    """

    route: QuestionRoute
    model: LoadedModel
    media: Media
    media_type: str
    wanted: str
    query: Query
    services: Services
    metrics: Metrics
    content_type: bytes


class Head(NamedTuple):
    """One head.

    Args:
        kind: What it means.
        body_bytes: The length of its body.
        is_brief: Whether that is small enough to be read while everybody waits.
    """

    kind: Kind
    body_bytes: int
    is_brief: bool


class Heads:
    """The heads that an app has been sent.

    Args:
        app: The app.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._metrics: Metrics = app.state.metrics
        self._known: dict[bytes, Head] = {}
        self._kinds: dict[object, Kind] = {}
        # What head, if any, these bytes are.
        self.find = self._known.get

    def learn(self, head: bytes, scope: Scope, came: int) -> None:
        """Remembers a head, if it is a question's and its body is not large.

        Args:
            head: All bytes before the body.
            scope: What they have been read as.
            came: How many bytes of the body have come with it.
        """
        if len(head) > _LONGEST_HEAD or any(name in _SINGULAR for name, _ in scope["headers"]):
            return
        headers = headers_of(scope)
        length = headers.get(b"content-length", b"")
        body_bytes = int(length) if length.isdigit() else -1
        most = min(_LONGEST_BODY, self._app.state.services.settings.max_body_bytes)
        if not came <= body_bytes <= most:
            return
        kind = self._kind(scope, headers)
        if kind is None:
            return
        if len(self._known) >= _MOST_HEADS:
            # The oldest; it will be learned again if it is still sent.
            del self._known[next(iter(self._known))]
        self._known[head] = Head(kind, body_bytes, is_brief(kind.media_type, body_bytes))

    def _kind(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Kind | None:
        services: Services = self._app.state.services
        found = self._app.shortcut.find(scope)
        if found is None or services.settings.access_log or is_stream(headers):
            return None
        model = services.catalog.at_hand(found.model)
        if model is None:
            return None
        try:
            asked = found.route.asked(scope, headers, model, services)
        except (NotAcceptableError, MediaTypeError):
            return None
        known = (found.route.path, model, asked.media_type, asked.wanted, tuple(asked.query))
        kind = self._kinds.get(known)
        if kind is None:
            if len(self._kinds) >= _MOST_HEADS:
                self._kinds.clear()
            kind = self._kinds[known] = Kind(
                route=found.route,
                services=services,
                metrics=self._metrics,
                content_type=content_type(asked.wanted),
                **asked._asdict(),
            )
        return kind
