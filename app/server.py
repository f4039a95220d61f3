"""uvicorn around the app: its socket, its log, and what a newcomer is told once it is ready."""

import asyncio
import contextlib
import gc
import logging.config
import signal
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import uvicorn
from fastapi import FastAPI

from app.dependencies import Services
from app.documentation import Documentation
from app.heads import Heads
from app.main import create_app
from app.protocol import QuestionProtocol
from app.settings import Settings
from app.together import Together
from app.workers import Worker, WorkerEndedError, supervise
from model_store.errors import StorageError
from model_store.store import FolderStore, StoredModel

# What a worker has, beyond the time for its requests, to leave by itself.
_END_SECONDS = 5
_LOOK_SECONDS = 0.02


class StartError(Exception):
    """The server cannot start; the message says why in a sentence."""


def run(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serves until SIGTERM or Ctrl-C, and lets requests in flight finish.

    Args:
        settings: All of them.
        announce: Is told, once the models are loaded, where the API page is and what to try.

    Raises:
        StartError: the store cannot be read, the address cannot be had, or a worker cannot start.
    """
    _configure_logging(settings)
    try:
        # Once for all workers: one that takes another's place shall answer as the others do.
        stored = FolderStore(settings.store).list_models()
    except StorageError as error:
        raise StartError(str(error)) from None
    listener = _listen(settings)
    if settings.workers == 1:
        _serve(settings, listener, announce, stored, Worker.alone())
        return
    # What is imported is never garbage; looked through, each worker would get its own copy of it.
    gc.freeze()
    # Bound but not listening, this socket only keeps the port for those of the workers.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    work = partial(_work, settings, listener, announce, stored)
    try:
        supervise(settings.workers, work, patience_seconds=settings.drain_seconds + _END_SECONDS)
    except WorkerEndedError as error:
        raise StartError(str(error)) from None


def _work(
    settings: Settings,
    holder: socket.socket,
    announce: Callable[[str], None],
    stored: Sequence[StoredModel],
    worker: Worker,
) -> None:
    """Serves as one of several, on a socket of its own: the kernel shares out the connections.

    With one socket for all, whichever process wakes first takes every connection that waits.
    """
    with contextlib.suppress(KeyboardInterrupt):
        own = socket.socket(holder.family)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        own.bind(holder.getsockname())
        holder.close()
        if not _serve(settings, own, announce, stored, worker):
            raise SystemExit(1)


def _serve(
    settings: Settings,
    listener: socket.socket,
    announce: Callable[[str], None],
    stored: Sequence[StoredModel],
    worker: Worker,
) -> bool:
    """Serves until told to end; returns whether it ever began."""
    app = create_app(settings, worker, stored)
    config = uvicorn.Config(
        app,
        # As good as a class: uvicorn calls it for each connection.
        http=cast("type[asyncio.Protocol]", partial(QuestionProtocol, Heads(app), Together())),
        lifespan="on",
        ws="none",
        proxy_headers=False,
        server_header=False,
        access_log=settings.access_log,
        log_config=None,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    server = _Server(config, app, _address(settings, listener), announce)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    return server.started


class _Server(uvicorn.Server):
    """uvicorn, with an announcement once the models are loaded."""

    def __init__(
        self, config: uvicorn.Config, app: FastAPI, address: str, announce: Callable[[str], None]
    ) -> None:
        super().__init__(config)
        self._app = app
        self._address = address
        self._announce = announce
        self._announcing: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        services: Services = self._app.state.services
        if services.worker.supervisor is not None:
            # Readable when it has ended, whatever killed it: nobody would end this process.
            end = partial(self.handle_exit, signal.SIGTERM, None)
            asyncio.get_running_loop().add_reader(services.worker.supervisor, end)
        self._announcing = asyncio.create_task(self._announce_when_ready(services))

    async def _announce_when_ready(self, services: Services) -> None:
        worker = services.worker
        await services.catalog.ready.wait()
        worker.mark_loaded()
        if worker.number or worker.replaces_another:
            return
        while not worker.all_loaded():
            await asyncio.sleep(_LOOK_SECONDS)
        self._announce(f"API page: {self._address}/docs")
        documentation: Documentation = self._app.state.documentation
        self._announce(f"Try: {documentation.line_to_try(self._address)}")


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        where = f"{settings.host}:{settings.port}"
        raise StartError(f"Cannot listen on {where}: {error.strerror}.") from None
    return listener


def _address(settings: Settings, listener: socket.socket) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _configure_logging(settings: Settings) -> None:
    level = settings.log_level.upper()
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": "WARNING"},
            "loggers": {"app": {"level": level}, "uvicorn": {"level": level}},
        }
    )
