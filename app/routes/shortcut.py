"""Questions before everything else: the way to their routes that passes by FastAPI's machinery.

A question is small and there are many of them; middleware and the search for a route would take as
long as answering it. What is not plainly a question takes the long way, which ends at the same
routes: there are other methods, and servers behind a prefix.
"""

from collections.abc import Callable, Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from app.routes.questions import PREFIX, QuestionRoute

_BEFORE_MODEL = PREFIX.partition("{")[0]


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
        await self._app_for(scope)(scope, receive, send)

    def _app_for(self, scope: Scope) -> ASGIApp:
        if scope["type"] != "http" or scope["method"] != "POST" or scope.get("root_path"):
            return self._app
        path: str = scope["path"]
        if not path.startswith(_BEFORE_MODEL):
            return self._app
        model, _, name = path[len(_BEFORE_MODEL) :].partition("/")
        if not model or name not in self._routes:
            return self._app
        scope["path_params"] = {"model": model}
        # The router says it too; whoever counts requests wants to know.
        scope["route"], app = self._routes[name]
        return app
