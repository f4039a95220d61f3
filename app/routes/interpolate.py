"""Between two rows."""

from app.dependencies import InferenceDep, ModelDep
from app.routes.questions import question_router
from app.schemas.interpolate import InterpolateReply, InterpolateRequest
from model_store.vae import generation

router = question_router()


@router.post("/interpolate")
async def interpolate(
    body: InterpolateRequest, model: ModelDep, inference: InferenceDep
) -> InterpolateReply:
    """Means of p(x | z) along the straight line between the latents of two rows.

    Row i of `start` goes to row i of `end` in `steps` equal steps, both ends included.
    """
    found = await inference.run(
        generation.interpolate, model, {"start": body.start, "end": body.end}, steps=body.steps
    )
    return InterpolateReply.of(model, found)
