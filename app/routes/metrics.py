"""What the service knows of itself, for Prometheus."""

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from app.dependencies import services_of
from app.exposition import MEDIA_TYPE

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> PlainTextResponse:
    """Everything that is counted, over all processes of the service, as Prometheus reads it.

    It is there while models are still being loaded, and where there are none.
    """
    # The kernel takes milliseconds to add up the memory of a process.
    text = await asyncio.to_thread(services_of(request).exposition.text)
    return PlainTextResponse(text, media_type=MEDIA_TYPE)
