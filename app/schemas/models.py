"""Bodies of `models`: what a model is, told from its checkpoint."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from app.catalog import Catalog, Listing
from app.loaded_model import LoadedModel
from app.schemas.tensors import Measure
from model_store.calibration import SCORE_KINDS, ScoreKind
from model_store.schema import CalibrationSummary, Evaluation, Feature
from model_store.vae.priors import KlEstimator


class CalibrationCard(BaseModel):
    """Which rows tell what anomaly scores mean, and how the scores are made."""

    rows: int = Field(description="Held-out rows n that p-values are counted among.")
    smallest_rate: float = Field(
        description="1 / (n + 1), the smallest p-value and false-positive rate that n rows tell."
    )
    scores: list[ScoreKind] = Field(description="The scores that can be asked for.")
    num_samples: int = Field(description="Draws of z for each row.")
    seed: int
    source: str = Field(description="Where the rows came from.")
    created: datetime

    @classmethod
    def of(cls, summary: CalibrationSummary | None) -> "CalibrationCard | None":
        """That of a checkpoint, if it has one."""
        if summary is None:
            return None
        return cls(
            rows=summary.rows,
            smallest_rate=1 / (summary.rows + 1),
            scores=list(SCORE_KINDS),
            num_samples=summary.num_samples,
            seed=summary.seed,
            source=summary.source,
            created=summary.created,
        )


class Card(BaseModel):
    """A model: its data, its likelihood, how good it is and how it was made."""

    name: str
    version: int = Field(description="The version that the reference stands for.")
    versions: list[int] = Field(description="Every version that can be asked for.")
    aliases: Mapping[str, int] = Field(description="Names of versions: ask for name@alias.")
    event_shape: tuple[int, ...] = Field(description="Shape of one row.")
    latent_dim: int
    features: tuple[Feature, ...] = Field(
        description="In flat order. `categories` names the codes 0, 1, … of a categorical "
        "feature; the values of ordinal and pixel features are 0 … levels - 1. `transform` is what "
        "the model makes of a feature before its own arithmetic; all answers are in data units."
    )
    likelihood: str = Field(description="p(x | z); `mixed` where features differ.")
    prior: str = Field(description="p(z): standard_normal, mixture or vamp_prior.")
    posterior: str = Field(description="q(z | x): diagonal or full, a Gaussian of either kind.")
    kl_estimator: KlEstimator = Field(
        description="Whether KL(q(z | x) || p(z)) is in closed form or estimated from draws."
    )
    measure: Measure = Field(description="What exp(log p) is: a density, a probability, or both.")
    evaluation: Evaluation = Field(description="Held-out numbers, in nats per row.")
    calibration: CalibrationCard | None = Field(
        description="What anomaly scores mean; null where the model was never calibrated."
    )
    training: Mapping[str, Any] = Field(description="The settings it was trained with.")
    created: datetime

    @classmethod
    def of(cls, model: LoadedModel, catalog: Catalog) -> Self:
        """The card of a version of a model."""
        document, stored = model.document, catalog.stored(model.name)
        return cls(
            name=model.name,
            version=model.version,
            versions=list(stored.versions),
            aliases=stored.aliases,
            event_shape=model.event_shape,
            latent_dim=document.model.latent_dim,
            features=document.model.features,
            likelihood=document.model.likelihood.name,
            prior=document.model.prior_name,
            posterior=document.model.posterior,
            kl_estimator=model.vae.prior_law().kl_estimator,
            measure=model.measure,
            evaluation=document.evaluation,
            calibration=CalibrationCard.of(model.document.calibration),
            training=document.training,
            created=document.created,
        )


class Broken(BaseModel):
    """A file of the store that cannot be served."""

    name: str
    version: int | None = Field(description="null where the file is not even a version.")
    reason: str


class Models(BaseModel):
    """Every model in its default version, and what cannot be served."""

    models: list[Card]
    broken: list[Broken]

    @classmethod
    def of(cls, listing: Listing, catalog: Catalog) -> Self:
        """The listing as a body."""
        return cls(
            models=[Card.of(model, catalog) for model in listing.models],
            broken=[
                Broken(name=b.name, version=b.version, reason=b.reason) for b in listing.broken
            ],
        )
