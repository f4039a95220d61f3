"""Bodies of `log-likelihood`."""

from typing import Literal, Self

from pydantic import Field

from app.loaded_model import LoadedModel
from app.schemas.tensors import Inputs, Measure, PerRow, Question, Reply, Seed, version_of
from model_store.vae.estimators import LogLikelihoodEstimate


class LogLikelihoodRequest(Question):
    """Rows to be scored."""

    inputs: Inputs = Field(description="Rows in the data's own units.")
    num_samples: int = Field(
        default=256, ge=1, description="Importance samples; the bound rises with their number."
    )
    seed: Seed = 0


class LogLikelihoodReply(Reply):
    """The importance-weighted bound on log p(x) of each row, in nats."""

    log_likelihood: PerRow = Field(description="Lower bound on log p(x), in expectation.")
    standard_error: PerRow | None = Field(
        description="Of the log-likelihood, over seeds; null with one sample."
    )
    effective_sample_size: PerRow = Field(
        description="How many equal weights the importance weights are worth, 1 ... num_samples."
    )
    bits_per_dim: PerRow = Field(
        description="-log_likelihood / (features * log 2); no constant for grey levels is added."
    )
    elbo: PerRow = Field(description="The plain lower bound from the same samples.")
    num_samples: int = Field(description="Samples used.")
    units: Literal["nats"] = "nats"
    measure: Measure = Field(description="What exp(log p) is: a density, a probability, or both.")

    @classmethod
    def of(cls, model: LoadedModel, estimate: LogLikelihoodEstimate) -> Self:
        """The estimate as a body."""
        return cls(
            model=version_of(model),
            log_likelihood=estimate.log_likelihood,
            standard_error=estimate.standard_error,
            effective_sample_size=estimate.effective_sample_size,
            bits_per_dim=estimate.bits_per_dim,
            elbo=estimate.elbo,
            num_samples=estimate.num_samples,
            measure=model.measure,
        )
