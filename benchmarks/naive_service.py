"""The baseline: an elbo route as one writes it first, on the same server software and weights.

`list[list[float]]` in, `torch.tensor`, the arithmetic, `.tolist()` out. The route is a coroutine: a
plain function, which the framework runs on a thread, answers fewer requests.
"""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from benchmarks.measured_model import NAME
from benchmarks.plain_elbo import ElboAnswer, ElboRequest, answer
from model_store.store import FolderStore
from model_store.vae.model import VAE


def create_app(vae: VAE) -> FastAPI:
    """A service with one route."""
    app = FastAPI()

    @app.get("/readyz")
    async def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.post(f"/v1/models/{NAME}/elbo")
    async def elbo(body: ElboRequest) -> ElboAnswer:
        return answer(vae, body)

    return app


def main() -> None:
    """Serve the store given first on the port given second."""
    root, port = sys.argv[1:]
    app = create_app(FolderStore(Path(root)).read(NAME, 1).build())
    uvicorn.run(app, port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
