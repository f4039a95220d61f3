"""New rows."""

from app.dependencies import InferenceDep, ModelDep
from app.routes.questions import question_router
from app.schemas.sample import SampleReply, SampleRequest
from model_store.vae import generation

router = question_router()


@router.post("/sample")
async def sample(body: SampleRequest, model: ModelDep, inference: InferenceDep) -> SampleReply:
    """New rows: latents from the prior p(z), decoded, and a draw from each p(x | z).

    Without `observation_noise` each row is the mean of its p(x | z): smoother, and no sample of the
    model's distribution. A `temperature` under 1 stays closer to what is typical.
    """
    samples = await inference.run(
        generation.sample,
        model,
        {},
        num_samples=body.num_samples,
        seed=body.seed,
        temperature=body.temperature,
        observation_noise=body.observation_noise,
    )
    return SampleReply.of(model, samples, observation_noise=body.observation_noise)
