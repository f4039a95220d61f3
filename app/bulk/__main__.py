"""The `vae-score` command."""

import gc
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from app.memory import keep_freed_memory

USERS_MISTAKE, WORLDS_FAILURE = 2, 1
_OBJECTS_BETWEEN_COLLECTIONS = 50_000

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def main() -> None:
    """Runs the command."""
    # A block is thousands of lists and no garbage; looking for some takes as long as reading them.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *gc.get_threshold()[1:])
    keep_freed_memory()
    app(prog_name="vae-score")


@app.command(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
def score_file(  # noqa: PLR0913 - one parameter for each flag
    model: Annotated[
        str, typer.Argument(metavar="NAME[@V]", help="A model, or its version or alias V.")
    ],
    rows: Annotated[Path, typer.Argument(metavar="FILE", help="Rows: .csv, .parquet or .npy.")],
    *,
    out: Annotated[Path, typer.Option(help="The new file: .csv or .parquet.")],
    store: Annotated[
        Path, typer.Option("--store", envvar="VAE_STORE", help="The folder of the store.")
    ] = Path("models"),
    score: Annotated[
        str,
        typer.Option(help="combined, elbo, log_likelihood, reconstruction, latent or typicality."),
    ] = "combined",
    rate: Annotated[
        float,
        typer.Option("--false-positive-rate", help="The share of clean rows that may be flagged."),
    ] = 0.01,
    explain: Annotated[
        int, typer.Option(min=0, help="How many features of each row to name, with what they add.")
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show nothing.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object at the end, only.")
    ] = False,
) -> None:
    """Say how unusual every row of FILE is, which may be larger than the memory.

    The columns of FILE come back with score, p_value, is_anomaly and note, and with top_feature and
    more for --explain. The same command goes on with a run that was interrupted.
    """
    # Torch takes seconds to import; a wrong argument should not.
    from app.bulk.display import Display  # noqa: PLC0415
    from app.bulk.errors import RefusedError, UnavailableError  # noqa: PLC0415
    from app.bulk.run import Run, Task  # noqa: PLC0415
    from model_store.errors import InvalidNameError, NotInStoreError, VaeError  # noqa: PLC0415

    try:
        run = Run(Task(model, rows, out, store, score, rate, explain))
        Display(quiet=quiet, as_json=as_json).show(run)
    except KeyboardInterrupt:
        _fail(f"Interrupted; the same command goes on with {out.name}.", WORLDS_FAILURE)
    except RefusedError as error:
        _fail(str(error), USERS_MISTAKE)
    except (InvalidNameError, NotInStoreError) as error:
        _fail(f"{store}: {error}", USERS_MISTAKE)
    except UnavailableError as error:
        _fail(str(error), WORLDS_FAILURE)
    except VaeError as error:
        _fail(f"{store}: {model}: {error}", WORLDS_FAILURE)


def _fail(sentence: str, code: int) -> NoReturn:
    typer.echo(f"vae-score: {sentence}", err=True)
    raise typer.Exit(code)


if __name__ == "__main__":
    main()
