"""The log-likelihood of rows."""

from app.dependencies import InferenceDep, ModelDep
from app.routes.questions import question_router
from app.schemas.log_likelihood import LogLikelihoodReply, LogLikelihoodRequest
from model_store.vae.estimators import estimate_log_likelihood

router = question_router()


@router.post("/log-likelihood")
async def log_likelihood(
    body: LogLikelihoodRequest, model: ModelDep, inference: InferenceDep
) -> LogLikelihoodReply:
    """Importance-weighted bound on log p(x) of each row, in nats (Burda et al., 2016).

    log 1/K sum_k w_k, tighter than the elbo and rising to log p(x) with `num_samples`. A row whose
    `effective_sample_size` is a few only has an estimate to be taken with care.
    """
    estimate = await inference.run(
        estimate_log_likelihood,
        model,
        {"inputs": body.inputs},
        num_samples=body.num_samples,
        seed=body.seed,
    )
    return LogLikelihoodReply.of(model, estimate)
