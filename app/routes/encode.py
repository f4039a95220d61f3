"""From rows to latents."""

from app.dependencies import InferenceDep, ModelDep
from app.routes.questions import question_router
from app.schemas.encode import EncodeReply, EncodeRequest
from model_store.vae import generation

router = question_router()


@router.post("/encode")
async def encode(body: EncodeRequest, model: ModelDep, inference: InferenceDep) -> EncodeReply:
    """Posterior q(z | x) of each row: mean and standard deviation of its latents.

    `kl_divergence` is how far, in nats, the posterior is from the prior: what the row costs to say.
    """
    encoding = await inference.run(
        generation.encode,
        model,
        body.given,
        num_samples=body.num_samples,
        seed=body.seed,
    )
    return EncodeReply.of(model, encoding)
