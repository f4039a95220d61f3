"""Rows as the model sees them."""

from app.dependencies import InferenceDep, ModelDep
from app.routes.questions import question_router
from app.schemas.reconstruct import ReconstructReply, ReconstructRequest
from model_store.vae import generation

router = question_router()


@router.post("/reconstruct")
async def reconstruct(
    body: ReconstructRequest, model: ModelDep, inference: InferenceDep
) -> ReconstructReply:
    """Each row encoded and decoded again: what of it the model can say.

    With `num_samples` the mean over that many posterior latents, else that of the mean latent.
    """
    outputs = await inference.run(
        generation.reconstruct,
        model,
        body.given,
        num_samples=body.num_samples,
        seed=body.seed,
    )
    return ReconstructReply.of(model, outputs)
