"""create_app(settings): the one place where things are put together."""

import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cached_property, partial
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from app.catalog import Catalog
from app.dependencies import Services
from app.documentation import Documentation
from app.drift import Drift
from app.drift_file import DriftFile
from app.errors import TooLargeError, problem_response
from app.exposition import Exposition
from app.inference import Inference
from app.limits import RequestLimits
from app.loaded_model import LoadedModel
from app.metrics import Metrics
from app.patience import Patience
from app.routes import (
    anomaly,
    decode,
    documentation,
    drift,
    elbo,
    encode,
    health,
    impute,
    interpolate,
    log_likelihood,
    metrics,
    models,
    reconstruct,
    sample,
)
from app.routes.questions import QuestionRoute
from app.routes.shortcut import Shortcut
from app.settings import Settings
from app.workers import Worker
from model_store.errors import VaeError
from model_store.store import FolderStore, StoredModel
from model_store.vae.estimators import estimate_elbo, estimate_log_likelihood
from model_store.vae.frozen import BLOCKS

QUESTIONS = (
    elbo.router,
    log_likelihood.router,
    encode.router,
    decode.router,
    sample.router,
    reconstruct.router,
    impute.router,
    interpolate.router,
    anomaly.router,
)

OTHERS = (models.router, drift.router, health.router, metrics.router, documentation.router)

_OBJECTS_BETWEEN_COLLECTIONS = 50_000

DESCRIPTION = """
Ask trained variational autoencoders: encode, decode, sample, how likely is this row?

Every log-probability is in nats and in the data's own units, with every constant kept; `measure`
says whether it is a density's or a probability's. The same request has the same answer. Errors are
`application/problem+json`.
"""


def app_from_environment() -> FastAPI:
    """The app as VAE_* variables describe it, for `uvicorn --factory`."""
    return create_app(Settings())


def create_app(
    settings: Settings,
    worker: Worker | None = None,
    stored: Sequence[StoredModel] | None = None,
) -> "App":
    """A service of the models in a store; nothing of it is global.

    Args:
        settings: All of them.
        worker: Which of the processes behind one port this is; the only one if not given.
        stored: What the store held when the service started; looked up if not given.
    """
    worker = worker or Worker.alone()
    counts = Metrics(worker)
    app = App(
        title="VAE service",
        version=version("vae-service"),
        description=DESCRIPTION,
        lifespan=partial(_running, settings, worker, counts, stored),
        # The pages are our own: see routes/documentation.py.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.metrics = counts
    # The same around both ways to a route.
    app.state.surround = partial(
        RequestLimits, max_body_bytes=settings.max_body_bytes, metrics=counts
    )
    app.add_middleware(app.state.surround)
    for handled in (VaeError, HTTPException, RequestValidationError):
        app.add_exception_handler(handled, problem_response)
    for router in (*QUESTIONS, *OTHERS):
        # include_router would search its routes in a second step, a tenth of a small request.
        app.router.routes.extend(router.routes)
    app.mount(documentation.ASSETS_PATH, documentation.assets())
    return app


class App(FastAPI):
    """FastAPI, with a shorter way to the questions."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        scope["app"] = self
        await self.shortcut(scope, receive, send)

    @cached_property
    def shortcut(self) -> Shortcut:
        """The way to them, made of the routes as they are when the first request comes."""
        routes = [route for route in self.routes if isinstance(route, QuestionRoute)]
        return Shortcut(super().__call__, routes, self.state.surround)


@asynccontextmanager
async def _running(
    settings: Settings,
    worker: Worker,
    counts: Metrics,
    stored: Sequence[StoredModel] | None,
    app: FastAPI,
) -> AsyncIterator[None]:
    """Everything an app needs from its start to its end."""
    # What is imported stays for good. Looking through all of torch for garbage stops the world for
    # a tenth of a second, again and again. What is new is looked through less often than Python
    # does by itself: requests make many objects and next to no garbage.
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *gc.get_threshold()[1:])
    inference = Inference(settings, counts)
    prepare = partial(_prepare, settings, inference, counts)
    catalog = Catalog(FolderStore(settings.store), prepare, stored)
    questions = [route for router in QUESTIONS for route in router.routes]
    patience = Patience(settings.max_seconds)
    file = DriftFile(settings.drift_path, worker.number) if settings.drift_path else None
    seen = Drift(worker, counts, file)
    app.state.services = Services(
        settings, catalog, inference, patience, worker, Exposition(worker), seen
    )
    app.state.documentation = Documentation(app, questions, catalog, inference)
    await catalog.open()
    await seen.open(catalog.has)
    if worker.replaces_another:
        # The service has been said to be ready; nobody shall notice that this process was not.
        await catalog.ready.wait()
    yield
    await seen.close()
    await catalog.close()
    inference.close()


async def _prepare(
    settings: Settings, inference: Inference, counts: Metrics, model: LoadedModel
) -> None:
    await _warm(settings, inference, model)
    counts.model_loaded(model.name, model.version)


async def _warm(settings: Settings, inference: Inference, model: LoadedModel) -> None:
    """Asks what will be asked, as far as the limits allow: torch does much on a first call."""
    most = min(settings.max_samples, settings.max_row_samples)
    row = {"inputs": model.typical_row}
    # A model too large for the limits is not broken: whoever asks it is told the limit.
    with suppress(TooLargeError):
        await inference.run(estimate_elbo, model, row, num_samples=min(16, most), seed=0)
        samples = min(256, most)
        await inference.run(estimate_log_likelihood, model, row, num_samples=samples, seed=0)
        # Batches of each size have kernels of their own, compiled when first met.
        rows = {"inputs": model.typical_row.repeat(sum(BLOCKS), *[1] * len(model.event_shape))}
        await inference.run(estimate_elbo, model, rows, num_samples=1, seed=0)
