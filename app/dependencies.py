"""What routes ask for: the catalog, a model of it, the way to tensor work."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request

from app.catalog import Catalog
from app.drift import Drift
from app.exposition import Exposition
from app.inference import Inference
from app.loaded_model import LoadedModel
from app.patience import Patience
from app.settings import Settings
from app.workers import Worker


@dataclass(frozen=True)
class Services:
    """What an app is made of; its requests find it in `app.state.services`."""

    settings: Settings
    catalog: Catalog
    inference: Inference
    patience: Patience
    worker: Worker
    exposition: Exposition
    drift: Drift


def services_of(request: Request) -> Services:
    """The services of the app that the request came to."""
    services: Services = request.app.state.services
    return services


async def catalog_of(request: Request) -> Catalog:
    """The app's catalog."""
    return services_of(request).catalog


async def inference_of(request: Request) -> Inference:
    """The app's way to tensor work."""
    return services_of(request).inference


async def drift_of(request: Request) -> Drift:
    """What is known of the p-values that were given."""
    return services_of(request).drift


CatalogDep = Annotated[Catalog, Depends(catalog_of)]
InferenceDep = Annotated[Inference, Depends(inference_of)]
DriftDep = Annotated[Drift, Depends(drift_of)]


async def model_of(
    model: Annotated[
        str,
        Path(
            description="`name` (its `stable` version, else its newest), `name@3` (a version) "
            "or `name@canary` (an alias)."
        ),
    ],
    catalog: CatalogDep,
) -> LoadedModel:
    """The model of the path; a request keeps it to its end, whatever is published meanwhile."""
    return await catalog.get(model)


ModelDep = Annotated[LoadedModel, Depends(model_of)]
