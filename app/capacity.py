"""How much one request may ask for: rows, samples, their product, and numbers held at once."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Never

from app.errors import TooManyRowsError, TooManySamplesError
from app.settings import Settings
from model_store.detection import EXPLANATION_SAMPLES
from model_store.vae import generation
from model_store.vae.anomaly import MAX_HIDDEN, MAX_TRIED
from model_store.vae.estimators import impute
from model_store.vae.model import VAE
from model_store.vae.refinement import samples_worth

Options = Mapping[str, Any]


class Size(NamedTuple):
    """How large a model is.

    Args:
        features: Numbers in a row.
        latents: Numbers that stand for a row.
        widest: Numbers in the widest layer.
        encoder: Multiplications that encode a row.
        decoder: Multiplications that decode a latent.
    """

    features: int
    latents: int
    widest: int
    encoder: int
    decoder: int

    @classmethod
    def of(cls, vae: VAE) -> "Size":
        """That of this model."""
        encoder, decoder = (
            sum(weights.numel() for weights in half.parameters())
            for half in (vae.encoder, vae.decoder)
        )
        return cls(vae.num_features, vae.latent_dim, vae.widest, encoder, decoder)


class Allowance(NamedTuple):
    """What a question with certain options may ask of a model, and what it costs.

    Args:
        rows: Most rows; 0 where the options alone are too much.
        work: Multiplications for each row.
    """

    rows: int
    work: int


# Numbers held until the end for each row, by the options. The other estimators are not here: they
# keep one number of each sample, whatever the width of a row.
_NUMBERS_PER_ROW: Mapping[Callable[..., Any], Callable[[Size, Options], int]] = {
    generation.encode: lambda size, options: size.latents * options["num_samples"],
    generation.decode: lambda size, options: size.features * options["num_samples"],
    generation.sample: lambda size, options: size.features * options["num_samples"],
    generation.interpolate: lambda size, options: size.widest * options["steps"],
    impute: lambda size, options: size.features * options["num_imputations"],
}

# Options that say how many numbers of each row are asked for, or may be needed at worst.
_STEPS, _EXPLAINED = "refine", "explain"
# Rows with one more feature hidden that are looked at to explain one, and what is drawn for them.
_HIDINGS = 2 * MAX_HIDDEN * MAX_TRIED
_SAMPLES = ("num_samples", "max_samples", "num_imputations", "steps")


class Capacity:
    """The limits of a server.

    Args:
        settings: All that is set; the limits are among it.
    """

    def __init__(self, settings: Settings) -> None:
        self.max_rows = settings.max_rows
        self.max_samples = settings.max_samples
        self.max_row_samples = settings.max_row_samples
        self.max_elements = settings.max_elements

    def admit_rows(self, size: Size, rows: int) -> None:
        """Nothing, if a request may have so many rows.

        Raises:
            TooManyRowsError: they are more, or too wide for their number.
        """
        if rows > self.max_rows:
            raise TooManyRowsError(
                f"The request has {rows:,} rows; this server takes {self.max_rows:,} at once."
            )
        if rows * size.widest > self.max_elements:
            raise TooManyRowsError(
                f"{rows:,} rows of {size.widest:,} numbers in the widest layer are more than "
                f"the {self.max_elements:,} numbers that this server holds at once."
            )

    def most_samples(self, size: Size, *, refine: int = 0) -> int:
        """Most samples that a request of one row can ask for; not positive where it takes none."""
        left = self.max_row_samples - samples_worth(size.latents, refine)
        return min(self.max_samples, left)

    def allowance(self, question: Callable[..., Any], size: Size, options: Options) -> Allowance:
        """What may be asked for.

        Args:
            question: The function that answers.
            size: That of the model that is asked.
            options: The function's arguments but for tensors; some count samples or steps.
        """
        samples, of_steps = _samples_in(options), _samples_of_steps(size, options)
        explained = int(options.get(_EXPLAINED, 0))
        hidden = _HIDINGS if explained else 0
        # The encoder sees a row once more for each feature that is explained.
        encodings = 1 + explained + hidden
        most = [
            self.max_rows,
            self.max_elements // size.widest,
            self.max_row_samples // (samples + of_steps),
            self.max_elements // max(1, _kept(question, size, options)),
        ]
        rows = min(most) if samples <= self.max_samples else 0
        decodings = samples + of_steps + hidden
        return Allowance(rows, size.encoder * encodings + size.decoder * decodings)

    def refuse(
        self, question: Callable[..., Any], size: Size, options: Options, rows: int
    ) -> Never:
        """Says why so many rows are more than the allowance.

        Raises:
            TooManyRowsError, TooManySamplesError: what was asked for, and the limit.
        """
        samples, of_steps = _samples_in(options), _samples_of_steps(size, options)
        self.admit_rows(size, rows)
        if samples > self.max_samples:
            raise TooManySamplesError(
                f"The request asks for {samples:,} samples; "
                f"this server takes {self.max_samples:,} at most."
            )
        # Steps count as the samples that take as much work.
        work = rows * (samples + of_steps)
        if work > self.max_row_samples:
            why = next((name for name in (_STEPS, _EXPLAINED) if options.get(name)), "")
            steps = f" and {of_steps:,} more for {why} = {options[why]}" if why else ""
            raise TooManySamplesError(
                f"{rows:,} rows by {samples:,} samples{steps} are {work:,}; "
                f"this server takes {self.max_row_samples:,} of them at once."
            )
        kept = _kept(question, size, options)
        raise TooManySamplesError(
            f"{rows:,} rows with {kept:,} numbers in the samples of each are more than "
            f"the {self.max_elements:,} numbers that this server holds at once."
        )


def _samples_in(options: Options) -> int:
    """How many samples, or steps, are asked for of each row."""
    return max(1, *[int(options.get(name, 1)) for name in _SAMPLES])


def _samples_of_steps(size: Size, options: Options) -> int:
    """Samples that take as much work as the steps, or explanations, that are asked for."""
    of_steps = samples_worth(size.latents, int(options.get(_STEPS, 0)))
    return of_steps + EXPLANATION_SAMPLES * int(options.get(_EXPLAINED, 0))


def _kept(question: Callable[..., Any], size: Size, options: Options) -> int:
    count = _NUMBERS_PER_ROW.get(question)
    return count(size, options) if count else 0
