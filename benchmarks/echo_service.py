"""What no service can do without: a body sent back as it came, by the server alone or by FastAPI.

    python -m benchmarks.echo_service {bare,fastapi} PORT

The bare one is an ASGI function without anything around it, the other a FastAPI route.
"""

import sys

import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

HEADERS = [(b"content-type", b"application/json")]


async def bare(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI
    """Sends a body back."""
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(parts)
    headers = [*HEADERS, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def with_fastapi() -> ASGIApp:
    """An app that does the same in a route."""
    app = FastAPI()

    @app.get("/readyz")
    async def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.post("/{path:path}")
    async def echo(request: Request) -> Response:
        return Response(await request.body(), media_type="application/json")

    return app


def main() -> None:
    """Serve the kind given first on the port given second."""
    kind, port = sys.argv[1:]
    app = bare if kind == "bare" else with_fastapi()
    uvicorn.run(app, port=int(port), log_level="warning", access_log=False, lifespan="off")


if __name__ == "__main__":
    main()
