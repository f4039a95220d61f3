"""Numbers that may be undefined: not finite in a tensor, null in JSON."""

from typing import Any

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic_core import CoreSchema


class MayBeUndefined:
    """Marks a field of such numbers; all other numbers of a body must be finite."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Numbers, or null."""
        return _or_null(handler(schema))


def _or_null(described: dict[str, Any]) -> dict[str, Any]:
    """The same arrays; of an event's axes nothing is said but that there are some."""
    if "items" in described:
        return {**described, "items": _or_null(described["items"])}
    return {**described, "type": ["number", "null"]} if "type" in described else described


def may_be_undefined(body: type[BaseModel], field: str) -> bool:
    """Whether the field is marked."""
    return any(isinstance(mark, MayBeUndefined) for mark in body.model_fields[field].metadata)
