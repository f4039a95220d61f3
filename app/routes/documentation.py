"""The API page and the document behind it; no part of either comes from the network."""

from importlib.resources import files

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from app.documentation import Documentation

ASSETS_PATH = "/docs-assets"

router = APIRouter(include_in_schema=False)


def assets() -> StaticFiles:
    """Swagger UI's scripts and styles, as the fastapi-offline package holds them."""
    return StaticFiles(directory=str(files("fastapi_offline") / "static"))


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """The OpenAPI document, its examples made for the models that are served."""
    documentation: Documentation = request.app.state.documentation
    return Response(await documentation.openapi(), media_type="application/json")


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Swagger UI."""
    root = request.scope.get("root_path", "")
    return get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title=request.app.title,
        swagger_js_url=f"{root}{ASSETS_PATH}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{ASSETS_PATH}/swagger-ui.css",
        swagger_favicon_url=f"{root}{ASSETS_PATH}/favicon.png",
        # Swagger UI would ask a validator on the internet about the document.
        swagger_ui_parameters={"validatorUrl": None},
    )
