"""How much one request may ask for: rows, samples, their product, and numbers held at once."""

from collections.abc import Callable, Mapping
from typing import Any

from app.errors import TooManyRowsError, TooManySamplesError
from app.loaded_model import LoadedModel
from app.settings import Settings
from model_store.vae import generation
from model_store.vae.estimators import impute
from model_store.vae.model import VAE
from model_store.vae.refinement import samples_worth

Options = Mapping[str, Any]

# Numbers held until the end for each row, by the options. The other estimators are not here: they
# keep one number of each sample, whatever the width of a row.
_NUMBERS_PER_ROW: Mapping[Callable[..., Any], Callable[[VAE, Options], int]] = {
    generation.encode: lambda vae, options: vae.latent_dim * options["num_samples"],
    generation.decode: lambda vae, options: vae.num_features * options["num_samples"],
    generation.sample: lambda vae, options: vae.num_features * options["num_samples"],
    generation.interpolate: lambda vae, options: vae.widest * options["steps"],
    impute: lambda vae, options: vae.num_features * options["num_imputations"],
}

# Options that say how many numbers of each row are asked for, or may be needed at worst.
_SAMPLES = ("num_samples", "max_samples", "num_imputations", "steps")


def admit(
    settings: Settings,
    question: Callable[..., Any],
    model: LoadedModel,
    options: Options,
    *,
    rows: int,
) -> None:
    """Nothing, if the server takes the question.

    Args:
        settings: The limits.
        question: The function that answers.
        model: The model that is asked.
        options: Its arguments but for tensors; some of them count samples or steps.
        rows: Rows of the request; 1 where it has none.

    Raises:
        TooManyRowsError, TooManySamplesError: what was asked for, and the limit.
    """
    samples = samples_in(options)
    admit_rows(settings, model, rows)
    if samples > settings.max_samples:
        raise TooManySamplesError(
            f"The request asks for {samples:,} samples; "
            f"this server takes {settings.max_samples:,} at most."
        )
    # Steps count as the samples that take as much work.
    refine = int(options.get("refine", 0))
    of_steps = samples_worth(model.vae.latent_dim, refine)
    work = rows * (samples + of_steps)
    if work > settings.max_row_samples:
        steps = f" and {of_steps:,} more for refine = {refine}" if refine else ""
        raise TooManySamplesError(
            f"{rows:,} rows by {samples:,} samples{steps} are {work:,}; "
            f"this server takes {settings.max_row_samples:,} of them at once."
        )
    count = _NUMBERS_PER_ROW.get(question)
    kept = count(model.vae, options) if count else 0
    if rows * kept > settings.max_elements:
        raise TooManySamplesError(
            f"{rows:,} rows with {kept:,} numbers in the samples of each are more than "
            f"the {settings.max_elements:,} numbers that this server holds at once."
        )


def samples_in(options: Options) -> int:
    """How many samples, or steps, are asked for of each row."""
    return max(1, *[int(options.get(name, 1)) for name in _SAMPLES])


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
