"""Numbers that may be undefined: not finite in a tensor, null in JSON."""

from typing import Any

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic_core import CoreSchema


class MayBeUndefined:
    """Marks a field of one number per row; all other numbers of a body must be finite."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Numbers, or null."""
        return {**handler(schema), "items": {"type": ["number", "null"]}}


def may_be_undefined(body: type[BaseModel], field: str) -> bool:
    """Whether the field is marked."""
    return any(isinstance(mark, MayBeUndefined) for mark in body.model_fields[field].metadata)
