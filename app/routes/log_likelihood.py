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

    log 1/K sum_k w_k, tighter than the elbo and rising to log p(x) with `num_samples`. Where
    `reliable` is false, neither the estimate nor its standard error is to be believed: the encoder
    misses much of the posterior there, and the estimate is likely too low. `refine` looks for a
    better proposal than the encoder's. A density is not a probability and has the units of the
    data; `resolution` makes it one.
    """
    estimate = await inference.run(
        estimate_log_likelihood,
        model,
        body.given,
        **body.options(model, inference.most_samples(model, refine=body.refine)),
    )
    return LogLikelihoodReply.of(model, estimate, of_intervals=body.resolution is not None)
