"""Bodies of other media types than JSON, for the API page."""

from typing import Any

from app.schemas.pictures import PictureReply
from app.schemas.tensors import Question, Reply
from app.wire import csv, ndjson, png, safetensors

_TENSORS_IN = (
    "A safetensors file: tensors named and shaped as the arrays of the JSON body, of floats or "
    "integers, NaN for a missing value. Options stand in the query string."
)
_TENSORS_OUT = (
    "A safetensors file: arrays of the JSON answer as tensors in the type they were computed in, "
    "NaN for null, those of `parameters` as `parameters.loc`. Everything else is text in the "
    "file's metadata, `model` as JSON."
)
_TABLE_IN = (
    "A header of the features' names in any order, then a line a row: categories by name, an empty "
    "cell for a missing value; commas, semicolons or tabs between cells. Options stand in the "
    "query string. For models of tables."
)
_TABLE_OUT = (
    "A line a row: `outputs` under the features' names, categories by name, `loc[0]` for a latent; "
    "empty cells for null. The X-Model header says who answered. For models of tables."
)

_TABLE_BACK = (
    "The rows as they came, with columns for what is said of each and, if asked for, of the "
    "feature that adds most to its score. What a table is answered with unless the Accept header "
    "prefers another type. For models of tables."
)
_PICTURE_OUT = (
    "All images in one picture, grey or RGB: a line a row where a row has several (`interpolate`, "
    "and `decode` with draws, the mean before them), else near-square. Of `anomaly` what each "
    "pixel adds to the elbo score: red for more than is typical, blue for less. The X-Model header "
    "says who answered. For models of images."
)

_LINES_IN = (
    "A row a line, for as long as there are any: a record, or an array as in `inputs`. Options "
    "stand in the query string."
)
_LINES_OUT = (
    "The answer to each line as soon as it is there: its number, `line`, and what JSON says of the "
    "row, or the problem that it has. The X-Model header says who answers."
)


def describe_media(
    operation: dict[str, Any],
    schemas: dict[str, Any],
    question: type[Question],
    reply: type[Reply],
) -> None:
    """Adds the other media types to the description of a question.

    Args:
        operation: What OpenAPI says of the question.
        schemas: The document's schemas.
        question: The JSON body.
        reply: The JSON answer.
    """
    taken, given = operation["requestBody"]["content"], operation["responses"]["200"]["content"]
    properties = schemas[question.__name__]["properties"]
    taken[safetensors.MEDIA_TYPE] = _bytes(_TENSORS_IN)
    given[safetensors.MEDIA_TYPE] = _bytes(_TENSORS_OUT)
    returned = question.answers_tables_in_kind
    given[csv.MEDIA_TYPE] = _text(_TABLE_BACK if returned else _TABLE_OUT)
    if issubclass(reply, PictureReply):
        given[png.MEDIA_TYPE] = _bytes(_PICTURE_OUT)
    if "records" in properties:
        taken[csv.MEDIA_TYPE] = _text(_TABLE_IN)
    if question.answers_streams:
        taken[ndjson.MEDIA_TYPE] = _text(_LINES_IN)
        given[ndjson.MEDIA_TYPE] = _text(_LINES_OUT)
    in_body = question.in_body()
    operation["parameters"] += [
        _parameter(name, schema) for name, schema in properties.items() if name not in in_body
    ]


def _bytes(description: str) -> dict[str, Any]:
    return {"schema": {"type": "string", "format": "binary", "description": description}}


def _text(description: str) -> dict[str, Any]:
    return {"schema": {"type": "string", "description": description}}


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """An option; without its default, which pages send along even where the body is JSON."""
    rest = {key: value for key, value in schema.items() if key not in {"default", "description"}}
    description = f"With a body that is not JSON. {schema.get('description', '')}".strip()
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": rest,
    }
