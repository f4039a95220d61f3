"""The `vae-store` command: list, show, verify, alias, export, calibrate."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console, RenderableType

from model_store.display import (
    ListedVersion,
    broken_table,
    calibration_text,
    card_table,
    versions_table,
)
from model_store.errors import (
    CheckpointError,
    InputError,
    InvalidNameError,
    NotInStoreError,
    StorageError,
    VaeError,
)
from model_store.store import BrokenFile, FolderStore, ModelRef, StoredModel

USERS_MISTAKE, WORLDS_FAILURE = 2, 1
# Wide enough that a pipe or a file gets one line per version.
_WIDTH_WITHOUT_TERMINAL = 200

app = typer.Typer(
    help="Look after a folder of VAE checkpoints.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

StoreOption = Annotated[
    Path, typer.Option("--store", envvar="VAE_STORE", help="The folder of the store.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A model.")]
ModelArgument = Annotated[
    str, typer.Argument(metavar="NAME[@V]", help="A model, or its version or alias V.")
]
DEFAULT_STORE = Path("models")


def main() -> None:
    """Runs the command."""
    app(prog_name="vae-store")


@app.command("list")
def list_models(*, store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """Every version of every model, and the files that cannot be served."""
    with _errors_told(store):
        models, listed, broken = _listing(FolderStore(store))
    if as_json:
        _print_json(
            {
                "store": str(store),
                "models": [_model_json(model, listed) for model in models],
                "broken": _broken_json(broken),
            }
        )
        return
    if listed:
        _print(versions_table(listed))
    if listed and broken:
        _print("")
    if broken:
        _print(broken_table(broken))
    if not listed and not broken:
        _print(f"No models in {store}.")


@app.command()
def show(
    model: ModelArgument, *, store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False
) -> None:
    """One version: its description and its held-out numbers."""
    with _errors_told(store, model):
        listed = _resolved(FolderStore(store), model)
    if as_json:
        _print_json({**_version_json(listed), **listed.document.model_dump(mode="json")})
        return
    _print(card_table(listed))


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this model.")] = None,
    *,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Reads every byte; fails if anything is broken."""
    with _errors_told(store):
        if not store.is_dir():
            raise NotInStoreError("There is no store to verify.")
        folder = FolderStore(store)
        broken = folder.verify(name)
        models = folder.list_models() if name is None else [folder.get(name)]
    count = sum(len(model.versions) for model in models)
    if as_json:
        _print_json({"store": str(store), "versions": count, "broken": _broken_json(broken)})
    elif broken:
        _print(broken_table(broken))
    else:
        _print(f"{count:,} versions of {len(models):,} models can be served.")
    if broken:
        _fail(f"{store}: {len(broken):,} found broken.", WORLDS_FAILURE)


@app.command()
def alias(
    name: NameArgument,
    alias: Annotated[str, typer.Argument(help="Such as stable or canary.")],
    version: Annotated[int, typer.Argument(help="The version it shall mean.")],
    *,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Points an alias at a version; `stable` is what a bare NAME means."""
    with _errors_told(store, f"{name}@{version}"):
        FolderStore(store).set_alias(name, alias, version)
    if as_json:
        _print_json({"name": name, "alias": alias, "version": version})
        return
    _print(f"{name}@{alias} is version {version}.")


@app.command()
def export(
    model: ModelArgument,
    file: Annotated[Path, typer.Argument(help="The new file.", dir_okay=False)],
    *,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Copies one version to a new file, which is never an old one overwritten."""
    if not file.absolute().parent.is_dir():
        _fail(f"{file}: the folder does not exist.", USERS_MISTAKE)
    with _errors_told(store, model):
        listed = _resolved(FolderStore(store), model)
        name, version = listed.model.name, listed.version
        try:
            FolderStore(store).export(name, version, file)
        except FileExistsError:
            _fail(f"{file}: the file exists, and is left as it is.", USERS_MISTAKE)
    if as_json:
        _print_json({"name": name, "version": version, "file": str(file)})
        return
    _print(f"{name}@{version} is in {file}.")


@app.command()
def calibrate(
    model: ModelArgument,
    data: Annotated[Path, typer.Argument(help="Clean rows: .csv, .csv.gz, .npy or .npz.")],
    *,
    key: Annotated[str | None, typer.Option(help="The array of an NPZ file.")] = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Publishes the model again, its anomaly scores calibrated by rows it was not trained on."""
    # Torch takes seconds to import, and listing needs none of it.
    from model_store.clean_rows import read_rows  # noqa: PLC0415
    from model_store.recalibration import recalibrated  # noqa: PLC0415

    folder = FolderStore(store)
    with _errors_told(store, model):
        old = _resolved(folder, model)
        checkpoint = folder.read(old.model.name, old.version)
        try:
            rows = read_rows(data, old.document.model, key=key)
            made = recalibrated(checkpoint, rows.x, data.name)
        except InputError as error:
            _fail(f"{data}: {error}", USERS_MISTAKE)
        version = folder.publish(old.model.name, made)
    now, before = made.document.calibration, old.document.calibration
    name = old.model.name
    if as_json:
        _print_json(
            {
                "name": name,
                "version": version,
                "calibration": now and now.model_dump(mode="json"),
                "before": before and before.model_dump(mode="json"),
                "ignored_columns": rows.ignored,
            }
        )
        return
    _print(f"{name}@{version} is {name}@{old.version} calibrated by {calibration_text(now)};")
    _print(f"before: {calibration_text(before)}.")
    if rows.ignored:
        _print(f"Columns that are no features: {', '.join(map(repr, rows.ignored))}.")


@contextmanager
def _errors_told(store: Path, about: str = "") -> Iterator[None]:
    """One sentence on standard error, with the path and model that the error itself lacks."""
    try:
        yield
    except (InvalidNameError, NotInStoreError) as error:
        _fail(f"{store}: {error}", USERS_MISTAKE)
    except CheckpointError as error:
        _fail(f"{store}: {about}: {error}", WORLDS_FAILURE)
    except VaeError as error:
        _fail(f"{store}: {error}", WORLDS_FAILURE)


def _fail(sentence: str, code: int) -> NoReturn:
    typer.echo(f"vae-store: {sentence}", err=True)
    raise typer.Exit(code)


def _resolved(folder: FolderStore, text: str) -> ListedVersion:
    reference = ModelRef.parse(text)
    model = folder.get(reference.name)
    version = model.resolve(reference.selector)
    return ListedVersion(model, version, folder.describe(model.name, version))


def _listing(
    folder: FolderStore,
) -> tuple[list[StoredModel], list[ListedVersion], list[BrokenFile]]:
    models, listed, broken = folder.list_models(), [], folder.misplaced()
    for model, version in [(each, version) for each in models for version in each.versions]:
        try:
            listed.append(ListedVersion(model, version, folder.describe(model.name, version)))
        except (CheckpointError, NotInStoreError, StorageError) as error:
            broken.append(BrokenFile(model.name, version, str(error)))
    return models, listed, broken


def _model_json(model: StoredModel, listed: list[ListedVersion]) -> dict[str, object]:
    own = [each for each in listed if each.model is model]
    return {
        "name": model.name,
        "aliases": dict(model.aliases),
        "versions": [
            {
                **_version_json(each),
                "created": each.document.created.isoformat(),
                "likelihood": each.document.model.likelihood.model_dump(mode="json"),
                "elbo": each.document.evaluation.elbo.model_dump(),
                "log_likelihood": each.document.evaluation.log_likelihood.model_dump(),
            }
            for each in own
        ],
    }


def _version_json(listed: ListedVersion) -> dict[str, object]:
    return {"name": listed.model.name, "version": listed.version, "aliases": listed.aliases}


def _broken_json(broken: list[BrokenFile]) -> list[dict[str, object]]:
    return [{"name": b.name, "version": b.version, "reason": b.reason} for b in broken]


def _print(what: RenderableType) -> None:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDTH_WITHOUT_TERMINAL
    console.print(what, soft_wrap=isinstance(what, str))


def _print_json(what: Mapping[str, object]) -> None:
    typer.echo(json.dumps(what))


if __name__ == "__main__":
    main()
