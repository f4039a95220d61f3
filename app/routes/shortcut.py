"""Questions before everything else: the way to their routes that passes by FastAPI's machinery.

A question is small and there are many of them; middleware and the search for a route would take as
long as answering it. What is not plainly a question takes the long way, which ends at the same
routes: there are other methods, and servers behind a prefix.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from app.routes.questions import PREFIX, QuestionRoute

_BEFORE_MODEL = PREFIX.partition("{")[0]


class Found(NamedTuple):
    """A question's way.

    Args:
        route: Its route.
        app: Answers it, with what is around every answer.
        model: The reference to the model that is asked.
    """

    route: QuestionRoute
    app: ASGIApp
    model: str


class Shortcut:
    """Takes questions to their routes, and everything else to the app.

    Args:
        app: Answers everything else.
        routes: Of the questions.
        surround: Puts around them what the app has around its own routes.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Iterable[QuestionRoute],
        surround: Callable[[ASGIApp], ASGIApp],
    ) -> None:
        self._app = app
        self._routes = {
            route.path.removeprefix(f"{PREFIX}/"): (route, surround(route.app)) for route in routes
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        found = self.find(scope)
        if found is None:
            await self._app(scope, receive, send)
            return
        # The router says it too; whoever counts requests wants to know.
        scope["route"], scope["path_params"] = found.route, {"model": found.model}
        await found.app(scope, receive, send)

    def find(self, scope: Scope) -> "Found | None":
        """Where a request goes, if it is plainly a question."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope.get("root_path"):
            return None
        path: str = scope["path"]
        if not path.startswith(_BEFORE_MODEL):
            return None
        model, _, name = path[len(_BEFORE_MODEL) :].partition("/")
        if not model or name not in self._routes:
            return None
        return Found(*self._routes[name], model)
