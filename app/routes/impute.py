"""The missing values of rows."""

from app.dependencies import InferenceDep, ModelDep
from app.routes.questions import question_router
from app.schemas.impute import ImputeReply, ImputeRequest
from model_store.vae.estimators import impute as impute_rows

router = question_router()


@router.post("/impute")
async def impute(body: ImputeRequest, model: ModelDep, inference: InferenceDep) -> ImputeReply:
    """Missing values given the observed ones, p(x_m | x_o), by importance sampling.

    Latents that explain what is observed count by how well they do (Mattei & Frellsen, 2019). Rows
    without gaps come back as they are; one with nothing observed gets the model's overall means.
    Where `reliable` is false, few latents explain the row and the numbers are not to be believed;
    `refine` looks for better ones than the encoder's.
    """
    imputation = await inference.run(
        impute_rows,
        model,
        body.given,
        num_samples=body.num_samples,
        num_imputations=body.num_imputations,
        seed=body.seed,
        refine=body.refine,
    )
    return ImputeReply.of(model, imputation)
