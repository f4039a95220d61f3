"""How much one request may ask for: rows, samples, their product, and numbers held at once."""

from collections.abc import Callable, Mapping
from typing import Any

from app.errors import TooManyRowsError, TooManySamplesError
from app.loaded_model import LoadedModel
from app.settings import Settings
from model_store.vae import generation
from model_store.vae.model import VAE
from model_store.vae.refinement import samples_worth

# Numbers held until the end for each row and sample. The estimators are not here: they keep one
# number of each sample, whatever the width of a row.
_NUMBERS_PER_SAMPLE: Mapping[Callable[..., Any], Callable[[VAE], int]] = {
    generation.encode: lambda vae: vae.latent_dim,
    generation.decode: lambda vae: vae.num_features,
    generation.sample: lambda vae: vae.num_features,
    generation.interpolate: lambda vae: vae.widest,
}


def admit(
    settings: Settings,
    question: Callable[..., Any],
    model: LoadedModel,
    *,
    rows: int,
    samples: int,
    refine: int = 0,
) -> None:
    """Nothing, if the server takes the question.

    Args:
        settings: The limits.
        question: The function that answers.
        model: The model that is asked.
        rows: Rows of the request; 1 where it has none.
        samples: Samples of each row; 1 where it asks for none.
        refine: Steps of each row; they count as the samples that take as much work.

    Raises:
        TooManyRowsError, TooManySamplesError: what was asked for, and the limit.
    """
    admit_rows(settings, model, rows)
    if samples > settings.max_samples:
        raise TooManySamplesError(
            f"The request asks for {samples:,} samples; "
            f"this server takes {settings.max_samples:,} at most."
        )
    of_steps = samples_worth(model.vae.latent_dim, refine)
    work = rows * (samples + of_steps)
    if work > settings.max_row_samples:
        steps = f" and {of_steps:,} more for refine = {refine}" if refine else ""
        raise TooManySamplesError(
            f"{rows:,} rows by {samples:,} samples{steps} are {work:,}; "
            f"this server takes {settings.max_row_samples:,} of them at once."
        )
    _admit_numbers(settings, question, model.vae, rows=rows, samples=samples)


def most_samples(settings: Settings, model: LoadedModel, *, refine: int = 0) -> int:
    """Most samples that a request of one row can ask for; not positive where it takes none."""
    left = settings.max_row_samples - samples_worth(model.vae.latent_dim, refine)
    return min(settings.max_samples, left)


def admit_rows(settings: Settings, model: LoadedModel, rows: int) -> None:
    """Nothing, if the server takes so many rows of the model.

    Raises:
        TooManyRowsError: they are more, or too wide for their number.
    """
    if rows > settings.max_rows:
        raise TooManyRowsError(
            f"The request has {rows:,} rows; this server takes {settings.max_rows:,} at once."
        )
    limit, widest = settings.max_elements, model.vae.widest
    if rows * widest > limit:
        raise TooManyRowsError(
            f"{rows:,} rows of {widest:,} numbers in the widest layer are more than "
            f"the {limit:,} numbers that this server holds at once."
        )


def _admit_numbers(
    settings: Settings, question: Callable[..., Any], vae: VAE, *, rows: int, samples: int
) -> None:
    limit = settings.max_elements
    per_sample = _NUMBERS_PER_SAMPLE.get(question)
    kept = per_sample(vae) if per_sample else 0
    if rows * samples * kept > limit:
        raise TooManySamplesError(
            f"{rows:,} rows by {samples:,} samples of {kept:,} numbers are more than "
            f"the {limit:,} numbers that this server holds at once."
        )
