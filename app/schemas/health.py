"""Bodies of the health routes."""

from typing import Literal

from pydantic import BaseModel

from app.schemas.tensors import ModelVersion


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """Every published model answers, or is known to be broken."""

    status: Literal["ready"] = "ready"
    models: list[ModelVersion]
