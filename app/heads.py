"""Heads of requests that have come before, byte for byte: they mean what they meant then.

A client sends one head again and again, and reading it takes as long as a small question does. The
first time it is read as ever; what came of it is remembered, and the next request with it is at its
question at once.
"""

from collections.abc import Coroutine
from typing import Any, NamedTuple

from starlette.types import Scope

from app.asgi import Written, content_type, headers_of, is_stream
from app.dependencies import Services
from app.errors import MediaTypeError, NotAcceptableError
from app.main import App
from app.metrics import Metrics
from app.patience import Patience
from app.routes.questions import Asked, QuestionRoute

# In numbers: what a client's bodies of slightly different lengths need, of a megabyte or two.
_MOST_HEADS = 4096
_LONGEST_HEAD = 1024
# More than a system hands over at once is better read as it comes.
_LONGEST_BODY = 2**16

# Headers that make a head the only one of its kind, or its body another than the bytes after it.
_SINGULAR = {b"x-request-id", b"traceparent", b"transfer-encoding", b"expect", b"upgrade"}


class Head(NamedTuple):
    """What a head means.

    Args:
        route: Of the question.
        asked: What is asked there.
        services: Of the app.
        body_bytes: The length of its body.
        content_type: That of the answer.
        metrics: Is told of the request.
    """

    route: QuestionRoute
    asked: Asked
    services: Services
    body_bytes: int
    content_type: bytes
    metrics: Metrics

    def answer(self, body: bytes) -> Coroutine[Any, Any, Written]:
        """The answer.

        Raises:
            VaeError: the body, or what it asks for, is refused.
        """
        return self.route.exchange(self.asked, body, self.services)

    @property
    def patience(self) -> Patience:
        """With those who wait for answers."""
        return self.services.patience


class Heads:
    """The heads that an app has been sent.

    Args:
        app: The app.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._metrics: Metrics = app.state.metrics
        self._known: dict[bytes, Head] = {}
        # What head, if any, these bytes are.
        self.find = self._known.get

    def learn(self, head: bytes, scope: Scope, body_bytes: int) -> None:
        """Remembers a head, if it is a question's.

        Args:
            head: All bytes before the body.
            scope: What they have been read as.
            body_bytes: The length of the body that came.
        """
        if len(head) > _LONGEST_HEAD or any(name in _SINGULAR for name, _ in scope["headers"]):
            return
        found = self._meaning(scope, body_bytes)
        if found is None:
            return
        if len(self._known) >= _MOST_HEADS:
            # The oldest; it will be learned again if it is still sent.
            del self._known[next(iter(self._known))]
        self._known[head] = found

    def _meaning(self, scope: Scope, body_bytes: int) -> Head | None:
        services: Services = self._app.state.services
        found = self._app.shortcut.find(scope)
        headers = headers_of(scope)
        if found is None or services.settings.access_log or is_stream(headers):
            return None
        if headers.get(b"content-length") != b"%d" % body_bytes:
            return None
        if body_bytes > min(_LONGEST_BODY, services.settings.max_body_bytes):
            return None
        model = services.catalog.at_hand(found.model)
        if model is None:
            return None
        try:
            asked = found.route.asked(scope, headers, model, services)
        except (NotAcceptableError, MediaTypeError):
            return None
        kind = content_type(asked.wanted)
        return Head(found.route, asked, services, body_bytes, kind, self._metrics)
