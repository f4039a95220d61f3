"""A service inside the test: the app, its lifespan on a loop of its own, and plain calls to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
from anyio.from_thread import BlockingPortal, start_blocking_portal

from app.main import App, create_app
from app.settings import Settings
from app.workers import Worker
from tests import media
from tests.media import Medium

JSON = {"Content-Type": "application/json"}


class Service:
    """Asks an app as a client would, from code that does not await.

    Args:
        app: The app.
        portal: To the loop that it runs on.
        client: Of the app, on that loop.
        medium: In which questions are put and answered.
    """

    def __init__(
        self,
        app: App,
        portal: BlockingPortal,
        client: httpx.AsyncClient,
        medium: Medium = media.JSON,
    ) -> None:
        self.app = app
        self.portal = portal
        self.client = client
        self.medium = medium

    def speaking(self, medium: Medium) -> "Service":
        """The same app, asked in another medium."""
        return Service(self.app, self.portal, self.client, medium)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.portal.call(lambda: self.client.get(path, headers=headers))

    def post(self, path: str, body: bytes | dict[str, Any], **headers: str) -> httpx.Response:
        content = orjson.dumps(body) if isinstance(body, dict) else body
        sent = JSON | headers
        return self.portal.call(lambda: self.client.post(path, content=content, headers=sent))

    async def sent(self, question: str, model: str, body: dict[str, Any]) -> httpx.Response:
        """The response to a question to a model, on the app's own loop."""
        query, content = self.medium.question(body)
        path = f"/v1/models/{model}/{question}{query}"
        return await self.client.post(path, content=content, headers=self.medium.headers)

    def put(self, question: str, model: str = "gaussian", **body: object) -> httpx.Response:
        """The same, from code that does not await."""
        return self.portal.call(self.sent, question, model, body)

    def ask(self, question: str, model: str = "gaussian", **body: object) -> dict[str, Any]:
        """The 200 body of a question to a model, as it is in JSON."""
        response = self.put(question, model, **body)
        assert response.status_code == 200, response.text
        return self.medium.read(response.content)


def refused(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem that a response with this status must be."""
    body = response.json()
    assert response.status_code == status, body
    assert response.headers["content-type"] == "application/problem+json"
    assert body["status"] == status
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["type"].startswith("urn:vae-service:problem:")
    assert body["title"]
    assert body["detail"].endswith(".")
    return dict(body)


def places(problem: dict[str, Any]) -> list[str]:
    """Where a refused body is wrong."""
    return [error["location"] for error in problem["errors"]]


@contextmanager
def serving(
    store: Path, *, ready: bool = True, worker: Worker | None = None, **settings: int
) -> Iterator[Service]:
    """An app of the store, its models loaded unless told otherwise."""
    app = create_app(Settings(store=store, **settings), worker)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.router.lifespan_context(app)),
        portal.wrap_async_context_manager(
            httpx.AsyncClient(transport=transport, base_url="http://service")
        ) as client,
    ):
        if ready:
            portal.call(app.state.services.catalog.ready.wait)
        yield Service(app, portal, client)
