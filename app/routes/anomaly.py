"""How unusual rows are, how sure that is, and why."""

import asyncio
from functools import partial

from app.dependencies import InferenceDep, ModelDep
from app.routes.questions import question_router
from app.schemas.anomaly import AnomalyReply, AnomalyRequest
from app.schemas.problem import documented
from model_store.detection import detect

router = question_router()

# Explanations and rows that are put into words in a few milliseconds, while everybody waits.
_BRIEF = 256


@router.post("/anomaly", responses=documented(409))
async def anomaly(body: AnomalyRequest, model: ModelDep, inference: InferenceDep) -> AnomalyReply:
    """Which rows are unlike the model's data, with conformal p-values and the features to blame.

    Scores are compared with those of the model's calibration rows, which it has not seen in
    training: of clean rows, a share of at most `false_positive_rate` is flagged. With `fdr` at most
    that share of the flagged rows are false alarms, in expectation (Bates et al., 2023). `explain`
    names the features of each row that add most to its score, and what they were expected to be
    given all the others. Missing values are left out of the score.
    """
    calibration = body.calibration_of(model)
    detection = await inference.run(
        detect,
        model,
        body.given,
        calibration=calibration,
        num_samples=calibration.num_samples,
        seed=calibration.seed,
        explain=body.explain,
    )
    said = partial(AnomalyReply.of, model, calibration, body, detection)
    is_brief = len(detection.excess) * (1 + body.explain) <= _BRIEF
    return said() if is_brief else await asyncio.to_thread(said)
