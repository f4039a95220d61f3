"""Whether the server lives, and whether it is ready."""

from fastapi import APIRouter
from starlette.requests import Request

from app.dependencies import services_of
from app.errors import NotReadyError
from app.schemas.health import Alive, Ready
from app.schemas.problem import documented
from app.schemas.tensors import version_of

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> Alive:
    """Whether the process answers at all; restart it if not."""
    return Alive()


@router.get("/readyz", responses=documented(503))
async def readyz(request: Request) -> Ready:
    """Whether what every name and alias stands for is loaded and warm; send no requests before.

    It is ready when all of its processes are, so that their answers agree. A model that cannot be
    loaded does not hold up the others: see `GET /v1/models`.
    """
    services = services_of(request)
    if not (services.catalog.ready.is_set() and services.worker.all_loaded()):
        raise NotReadyError("The models are still being loaded.")
    return Ready(models=[version_of(model) for model in services.catalog.loaded()])
