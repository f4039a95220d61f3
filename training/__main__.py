"""The `vae-train` command."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any, NoReturn

import torch
import typer

from model_store.errors import InputError, InvalidNameError, VaeError
from training.choices import threads
from training.config import TrainingConfig
from training.errors import LIBRARIES_NEEDED, DataError

USERS_MISTAKE, WORLDS_FAILURE = 2, 1

try:
    from training import display, linear_gaussian
    from training.publish import Published
    from training.run import Run, serving_command
except ModuleNotFoundError as error:
    if error.name not in ("PIL", "polars"):
        raise
    print(f"vae-train: {LIBRARIES_NEEDED}", file=sys.stderr)
    sys.exit(USERS_MISTAKE)

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def main() -> None:
    """Runs the command."""
    app(prog_name="vae-train")


@app.command(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
def train(  # noqa: PLR0913 - one parameter for each flag
    source: Annotated[
        str | None,
        typer.Argument(
            help="digits, breast-cancer, wine, iris; linear-gaussian; a file; a folder of images."
        ),
    ] = None,
    *,
    name: Annotated[str | None, typer.Option(help="The model's name; else the source's.")] = None,
    store: Annotated[
        str | None, typer.Option(help="Folder to publish into; else $VAE_STORE, else models.")
    ] = None,
    ignore: Annotated[str | None, typer.Option(help="Columns to leave out: a,b.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="A column's kind: col=count. Repeatable.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The array of an NPZ file.")] = None,
    test_key: Annotated[str | None, typer.Option(help="Its array of held-out rows.")] = None,
    size: Annotated[str | None, typer.Option(help="Resize images: 32x32, width first.")] = None,
    likelihood: Annotated[str | None, typer.Option(help="One likelihood for all features.")] = None,
    scale: Annotated[
        str | None, typer.Option(help="Gaussian: fixed, shared, per_feature or predicted.")
    ] = None,
    fixed_scale: Annotated[
        float | None, typer.Option(help="Its standard deviation if fixed, in data units.")
    ] = None,
    scale_floor: Annotated[
        float | None,
        typer.Option(help="Smallest scale of real features, in their standard deviations."),
    ] = None,
    zero_inflation: Annotated[
        bool | None,
        typer.Option("--zero-inflation", help="Negative binomial: zeros of two kinds."),
    ] = None,
    transform: Annotated[
        list[str] | None,
        typer.Option(help="standardise, log or log1p, of one column: col=log. Repeatable."),
    ] = None,
    binarize: Annotated[
        str | None, typer.Option(help="Grey to 0 and 1: dynamic, static or threshold.")
    ] = None,
    prior: Annotated[
        str | None, typer.Option(help="standard_normal, mixture or vamp_prior.")
    ] = None,
    prior_components: Annotated[
        int | None, typer.Option(help="Gaussians of a mixture, pseudo-inputs of a vamp_prior.")
    ] = None,
    posterior: Annotated[
        str | None, typer.Option(help="diagonal, or full: latents that tell of each other.")
    ] = None,
    latent_dim: Annotated[int | None, typer.Option(help="Number of latents.")] = None,
    hidden_sizes: Annotated[
        str | None, typer.Option(help="256,256; none for a linear model.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the rows, at most.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows in a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="AdamW's largest.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="AdamW's, on matrices.")] = None,
    kl_warmup_fraction: Annotated[
        float | None, typer.Option(help="Share of the steps until KL weight 1.")
    ] = None,
    free_bits: Annotated[
        float | None, typer.Option(help="Nats per latent that cost nothing.")
    ] = None,
    input_dropout: Annotated[
        float | None, typer.Option(help="Share of its input hidden from the encoder.")
    ] = None,
    missing_rate: Annotated[
        float | None, typer.Option(help="Share of values hidden, to learn to answer for gaps.")
    ] = None,
    max_grad_norm: Annotated[float | None, typer.Option(help="Longer gradients are cut.")] = None,
    ema_decay: Annotated[float | None, typer.Option(help="Of the weight average.")] = None,
    patience_fraction: Annotated[
        float | None, typer.Option(help="Stop after this share of epochs without a new best.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of split, weights, order and noise.")] = None,
    validation_fraction: Annotated[
        float | None, typer.Option(help="Share of rows that select the weights.")
    ] = None,
    test_fraction: Annotated[
        float | None, typer.Option(help="Share of rows held out to the end.")
    ] = None,
    calibration_fraction: Annotated[
        float | None,
        typer.Option(help="Share of rows that calibrate anomaly scores; 0 for no calibration."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cuda, mps or cpu.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A TOML file of the same names; flags win.")
    ] = None,
    quiet: Annotated[bool | None, typer.Option("--quiet", help="Show nothing.")] = None,
    as_json: Annotated[
        bool | None, typer.Option("--json", help="Print one JSON object at the end, only.")
    ] = None,
) -> None:
    """Train a VAE on SOURCE and publish it into the store."""
    given = {flag: value for flag, value in locals().items() if value is not None}
    given.pop("config", None)
    try:
        _train(given, config)
    except KeyboardInterrupt:
        _fail("Interrupted; nothing was published.", WORLDS_FAILURE)
    except (DataError, InputError, InvalidNameError) as error:
        _fail(str(error), USERS_MISTAKE)
    except VaeError as error:
        _fail(str(error), WORLDS_FAILURE)
    except (MemoryError, torch.OutOfMemoryError):
        _fail("The memory is full; fewer rows or a smaller model are needed.", WORLDS_FAILURE)


def _train(flags: dict[str, Any], config_file: Path | None) -> None:
    config = TrainingConfig.from_sources(flags, config_file)
    out = display.Display(quiet=config.quiet or config.as_json)
    start = time.monotonic()
    written_down = config.source == linear_gaussian.SOURCE
    published = linear_gaussian.write_down(config) if written_down else _run(config, out)
    seconds = time.monotonic() - start
    command = serving_command(config.store)
    out.summary(published.document, _reference(published), command=command, seconds=seconds)
    if config.as_json:
        answer = display.as_json(
            published.document, published.name, published.version, seconds=seconds
        )
        print(json.dumps(answer))


def _run(config: TrainingConfig, out: display.Display) -> Published:
    run = Run(config)
    torch.set_num_threads(threads(run.config))
    out.dataset(run.dataset)
    for _ in out.progress(run.train(), run.epochs):
        pass
    return run.publish()


def _reference(published: Published) -> str:
    return f"{published.name}@{published.version}"


def _fail(message: str, code: int) -> NoReturn:
    print(f"vae-train: {message}", file=sys.stderr)
    raise typer.Exit(code)


if __name__ == "__main__":
    main()
