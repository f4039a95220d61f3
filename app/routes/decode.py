"""From latents to rows."""

from app.dependencies import InferenceDep, ModelDep
from app.routes.questions import question_router
from app.schemas.decode import DecodeReply, DecodeRequest
from model_store.vae import generation

router = question_router()


@router.post("/decode")
async def decode(body: DecodeRequest, model: ModelDep, inference: InferenceDep) -> DecodeReply:
    """Likelihood p(x | z) of each latent: its mean, its parameters and, if asked, draws from it.

    All in the data's own units. Of unordered features `outputs` is the most probable code.
    """
    decoding = await inference.run(
        generation.decode,
        model,
        {"latents": body.latents},
        num_samples=body.num_samples,
        seed=body.seed,
    )
    return DecodeReply.of(model, decoding)
