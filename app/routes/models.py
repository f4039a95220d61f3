"""Which models there are, and what each of them is."""

from fastapi import APIRouter

from app.dependencies import CatalogDep, ModelDep
from app.schemas.models import Card, Models
from app.schemas.problem import documented

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", responses=documented(500))
async def list_models(catalog: CatalogDep) -> Models:
    """Every model in its default version, and every file of the store that cannot be served.

    Just after the start this waits until all files have been read, while questions are answered.
    """
    return Models.of(await catalog.listing(), catalog)


@router.get("/{model}", responses=documented(404, 500, 503))
async def describe_model(model: ModelDep, catalog: CatalogDep) -> Card:
    """What a model is: its data, its likelihood, how good it is and how it was made."""
    return Card.of(model, catalog)
