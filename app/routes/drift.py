"""Whether the rows that are asked about are still like those of the calibration."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.dependencies import DriftDep, ModelDep
from app.schemas.drift import DriftOptions, DriftReply
from app.schemas.problem import documented

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("/{model}/drift", responses=documented(404, 409, 422, 500, 503))
async def describe_drift(
    model: ModelDep, drift: DriftDep, asked: Annotated[DriftOptions, Query()]
) -> DriftReply:
    """Whether rows sent to `anomaly` are still like those that the model was calibrated with.

    Their p-values are uniform if they are. The evidence against it is an e-value that may be looked
    at whenever one likes (a conformal test martingale; Vovk, 2021, arXiv:1906.09256): that it ever
    reaches 1 / level has a probability of at most `level`. All workers and all answers since the
    version was first asked count, those of the last moment excepted.
    """
    report = await drift.report(model, asked.score)
    return DriftReply.of(model, asked.score, asked.level, asked.features, report)
