"""The elbo of rows."""

from app.dependencies import InferenceDep, ModelDep
from app.routes.questions import question_router
from app.schemas.elbo import ElboReply, ElboRequest
from model_store.vae.estimators import estimate_elbo

router = question_router()


@router.post("/elbo")
async def elbo(body: ElboRequest, model: ModelDep, inference: InferenceDep) -> ElboReply:
    """Evidence lower bound on log p(x) of each row, in nats, with its two terms.

    elbo(x) = E_q(z|x)[log p(x | z)] - KL(q(z | x) || p(z)), in the data's own units and with every
    constant kept. `measure` says whether exp(elbo) bounds a density or a probability from below.
    `per_feature` and `per_latent` say which features and latents the two terms come from.
    """
    estimate = await inference.run(
        estimate_elbo,
        model,
        body.given,
        num_samples=body.num_samples,
        seed=body.seed,
        per_feature=body.per_feature,
        per_latent=body.per_latent,
    )
    return ElboReply.of(model, estimate)
