"""The `vae-serve` command."""

import os
import signal
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError

from app.settings import Settings

USERS_MISTAKE, WORLDS_FAILURE = 2, 1

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def main() -> None:
    """Runs the command."""
    app(prog_name="vae-serve")


@app.command()
def serve(
    store: Annotated[
        Path | None, typer.Option(help="Folder of the models; VAE_STORE, or else models.")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; VAE_HOST, or else 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port, 0 for a free one; VAE_PORT, or else 8000.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that answer; VAE_WORKERS, or else 1.")
    ] = None,
) -> None:
    """Serve the models of a folder over HTTP, until SIGTERM or Ctrl-C.

    Limits and logging are set by more VAE_* variables; the README lists them.
    """
    # Whenever it comes: while torch is imported, or after uvicorn has drained and passed it on.
    signal.signal(signal.SIGTERM, _leave)
    given = {"store": store, "host": host, "port": port, "workers": workers}
    settings = _settings(**{name: value for name, value in given.items() if value is not None})

    if settings.workers > 1:
        # Nothing here needs numpy's threads, and a process that forks had better have none.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    # Torch takes seconds to import; a wrong argument should not.
    from app.server import StartError, run  # noqa: PLC0415

    try:
        run(settings, announce=typer.echo)
    except StartError as error:
        typer.echo(f"vae-serve: {error}", err=True)
        raise typer.Exit(WORLDS_FAILURE) from None


def _settings(**given: object) -> Settings:
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = first["loc"][0]
        where = f"--{name}" if name in given else f"VAE_{str(name).upper()}"
        typer.echo(f"vae-serve: {where} is {first['input']!r}: {first['msg']}.", err=True)
        raise typer.Exit(USERS_MISTAKE) from None


def _leave(_signum: int, _frame: FrameType | None) -> NoReturn:
    # Not SystemExit: an import may swallow it, and the server would start after all.
    os._exit(0)


if __name__ == "__main__":
    main()
