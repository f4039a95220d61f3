"""TrainingConfig: what decides a training run, from flags, environment and a TOML file."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from model_store.schema import MAX_COMPONENTS, Frozen, Kind, PosteriorName, Scale, Transform
from model_store.vae.noise import MAX_SEED
from training.errors import DataError, DataUnavailableError

LikelihoodName = Literal[
    "bernoulli",
    "categorical",
    "continuous_bernoulli",
    "discretized_logistic",
    "gaussian",
    "laplace",
    "negative_binomial",
    "poisson",
    "student_t",
]
Binarize = Literal["none", "dynamic", "static", "threshold"]
PriorName = Literal["standard_normal", "mixture", "vamp_prior"]
Device = Literal["auto", "cuda", "mps", "cpu"]

STORE_VARIABLE = "VAE_STORE"

EVERY_COLUMN = ""
"""The key of a transform that is asked for without a column, which no column is called."""


def _parse_names(value: object) -> object:
    """`a,b` as a tuple of names."""
    if not isinstance(value, str):
        return value
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _parse_kinds(value: object) -> object:
    """`["column=kind", ...]` as a mapping; the column's name may itself hold an equals sign."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        return value
    kinds = {}
    for item in items:
        column, equals, kind = str(item).rpartition("=")
        if not (column and equals):
            raise ValueError("should look like column=count")
        kinds[column.strip()] = kind.strip()
    return kinds


def _parse_transforms(value: object) -> object:
    """`["log", "column=log1p", ...]` as a mapping; without a column, of every one."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        return value
    transforms = {}
    for item in items:
        column, equals, transform = str(item).rpartition("=")
        if equals and not column.strip():
            raise ValueError("should look like column=log, or standardise for every column")
        transforms[column.strip() or EVERY_COLUMN] = transform.strip()
    return transforms


def _parse_hidden_sizes(value: object) -> object:
    """`256,256` as a tuple, `none` as the empty one."""
    if not isinstance(value, str):
        return value
    if value.strip().lower() == "none":
        return ()
    if not re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*)*", value):
        raise ValueError("should look like 256,256, or none for a linear model")
    return tuple(int(size) for size in value.split(","))


def _parse_image_size(value: object) -> object:
    """`48x32` as (48, 32)."""
    if not isinstance(value, str):
        return value
    if not re.fullmatch(r"\s*\d+\s*[xX]\s*\d+\s*", value):
        raise ValueError("should look like 32x32, width first")
    return tuple(int(side) for side in value.lower().split("x"))


HiddenSizes = tuple[Annotated[int, Field(ge=1, le=65_536)], ...]
ImageSide = Annotated[int, Field(ge=1, le=4096)]


class TrainingConfig(Frozen, populate_by_name=True):
    """What `vae-train` was asked to do; each field is a flag and a key of the TOML file."""

    # What to read.
    source: str = Field(min_length=1)
    ignore: Annotated[tuple[str, ...], BeforeValidator(_parse_names)] = ()
    kind: Annotated[dict[str, Kind], BeforeValidator(_parse_kinds)] = Field(default_factory=dict)
    key: str | None = None
    test_key: str | None = None
    # Width, then height, as picture tools write it.
    size: Annotated[tuple[ImageSide, ImageSide] | None, BeforeValidator(_parse_image_size)] = None
    # A tenth selects the weights; a tenth is looked at once, at the end, which is enough rows for a
    # small standard error without starving the training. None: data/split.py says how many rows
    # tell what anomaly scores mean.
    validation_fraction: float = Field(default=0.1, gt=0, lt=1)
    test_fraction: float = Field(default=0.1, gt=0, lt=1)
    calibration_fraction: float | None = Field(default=None, ge=0, lt=1)

    # Where the model goes. Without a name it takes the source's; the store knows which can be.
    name: str | None = None
    store: Path = Path("models")

    # The model. None: chosen from the data.
    likelihood: LikelihoodName | None = None
    scale: Scale | None = None
    fixed_scale: float = Field(default=1.0, gt=0)  # data units; at 1 the plain squared error
    scale_floor: float | None = Field(default=None, gt=0)  # standard deviations of the feature
    zero_inflation: bool = False  # a second source of zeros, for negative_binomial
    transform: Annotated[dict[str, Transform], BeforeValidator(_parse_transforms)] = Field(
        default_factory=dict
    )
    binarize: Binarize = "none"
    prior: PriorName = "standard_normal"
    prior_components: int | None = Field(default=None, ge=1, le=MAX_COMPONENTS)
    posterior: PosteriorName = "diagonal"
    latent_dim: int | None = Field(default=None, ge=1, le=65_536)
    hidden_sizes: Annotated[HiddenSizes | None, BeforeValidator(_parse_hidden_sizes)] = None

    # The optimisation. None: chosen from the rows and the model, with reasons, in choices.py.
    epochs: int | None = Field(default=None, ge=1)
    batch_size: int | None = Field(default=None, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)
    weight_decay: float | None = Field(default=None, ge=0)
    kl_warmup_fraction: float | None = Field(default=None, ge=0, lt=1)
    input_dropout: float | None = Field(default=None, ge=0, lt=1)  # on what the encoder sees
    missing_rate: float | None = Field(default=None, ge=0, le=0.9)  # more is nothing to learn from
    free_bits: float = Field(default=0.0, ge=0)  # nats per latent; above 0 the elbo is not the goal
    max_grad_norm: float = Field(default=100.0, gt=0)  # of sums over features: only spikes reach it
    ema_decay: float = Field(default=0.999, ge=0, lt=1)  # averages about the last thousand steps
    patience_fraction: float = Field(default=0.3, gt=0, le=1)  # of the epochs, without a new best
    seed: int = Field(default=0, ge=0, le=MAX_SEED)
    device: Device = "auto"

    # What is shown.
    quiet: bool = False
    as_json: bool = Field(default=False, alias="json")  # pydantic has a method named json

    @model_validator(mode="after")
    def _flags_belong_together(self) -> Self:
        if self.binarize != "none" and self.likelihood != "bernoulli":
            raise ValueError("--binarize was given without --likelihood bernoulli, which it needs.")
        if self.zero_inflation and self.likelihood != "negative_binomial":
            raise ValueError(
                "--zero-inflation was given without --likelihood negative_binomial, which it needs."
            )
        if self.fixed_scale != 1.0 and self.scale != "fixed":
            raise ValueError("--fixed-scale was given without --scale fixed, which it needs.")
        if self.scale_floor is not None and self.scale == "fixed":
            raise ValueError("--scale-floor was given with --scale fixed; a learned one is needed.")
        self._check_prior()
        if both := sorted(set(self.ignore) & set(self.kind)):
            raise ValueError(f"Column {both[0]!r} is in --ignore and in --kind; one is needed.")
        return self

    def _check_prior(self) -> None:
        if self.prior_components is not None and self.prior == "standard_normal":
            raise ValueError(
                "--prior-components was given without --prior mixture or vamp_prior; one is needed."
            )
        if self.free_bits and self.prior != "standard_normal" and self.prior_components != 1:
            raise ValueError(
                f"--free-bits was given with --prior {self.prior}, whose KL divergence has no "
                "closed form; needed --prior standard_normal, or --prior-components 1."
            )

    @classmethod
    def from_sources(
        cls,
        flags: Mapping[str, Any],
        config_file: Path | None = None,
        *,
        environment: Mapping[str, str] = os.environ,
    ) -> Self:
        """The config of a run; flags win over the environment, and that over the file.

        Args:
            flags: The flags that were given, by field name.
            config_file: A TOML file with the same names, dashes or underscores.
            environment: Its `VAE_STORE` is the store.

        Raises:
            DataError: an unknown key or a value that cannot be, or the file is missing or no TOML.
            DataUnavailableError: the file cannot be read.
        """
        places = {}
        values: dict[str, Any] = {}
        if config_file is not None:
            values = _read_toml(config_file)
            places = {key: f"{config_file.name}, key {key!r}" for key in values}
        if store := environment.get(STORE_VARIABLE):
            values["store"] = store
            places["store"] = STORE_VARIABLE
        places |= {key: f"--{key.replace('_', '-')}" for key in flags}
        try:
            return cls.model_validate({**values, **flags})
        except ValidationError as error:
            raise DataError(_explain(error.errors(include_url=False)[0], places)) from None

    def recorded(self) -> dict[str, Any]:
        """What a checkpoint tells of the run: no folder of this machine, nothing of the display."""
        recorded = self.model_dump(mode="json", exclude={"store", "quiet", "as_json"})
        return {**recorded, "source": Path(self.source).resolve().name}


def _read_toml(path: Path) -> dict[str, Any]:
    """The file's keys, with underscores.

    Raises:
        DataError: no such file, no TOML.
        DataUnavailableError: the file cannot be read.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        raise DataError(f"--config {path}: there is no such file.") from None
    except OSError as error:
        raise DataUnavailableError(f"{path.name} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is not UTF-8 text; a TOML file is needed.") from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path.name} is no TOML file: {error}.") from None
    return {key.replace("-", "_"): value for key, value in content.items()}


def _explain(error: ErrorDetails, places: Mapping[str, str]) -> str:
    """One sentence: which flag or key, what came, what is needed."""
    if not error["loc"]:
        return str(error["ctx"]["error"])
    key, *inner = map(str, error["loc"])
    if error["type"] == "missing" and key == "source":
        return "No source was given; a file, a folder or the name of a built-in set is needed."
    place = places[key]
    if error["type"] == "extra_forbidden":
        close = difflib.get_close_matches(key, TrainingConfig.model_fields, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        return f"{place} is unknown{hint}"
    where = " ".join([place, *(name for name in inner if name and key in ("kind", "transform"))])
    return f"{where} is {error['input']!r}; it {_needed(error)}."


def _needed(error: ErrorDetails) -> str:
    """What pydantic asks for, as words that follow "it"."""
    if error["type"] == "missing":
        return "should have more items"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return message.partition(", unable")[0].replace("valid tuple", "list")
