"""Where a run's config comes from, and what is said of one that cannot be."""

from pathlib import Path

import pytest

from training.config import TrainingConfig
from training.errors import DataError, DataUnavailableError


def toml_file(tmp_path: Path, *lines: str) -> Path:
    (tmp_path / "run.toml").write_text("\n".join(lines))
    return tmp_path / "run.toml"


def from_flags(**flags: object) -> TrainingConfig:
    return TrainingConfig.from_sources({"source": "t.csv", **flags}, environment={})


def refusal(config_file: Path | None = None, **flags: object) -> str:
    with pytest.raises(DataError) as refused:
        TrainingConfig.from_sources({"source": "t.csv", **flags}, config_file, environment={})
    return str(refused.value)


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = toml_file(tmp_path, 'store = "a"', "seed = 1", "epochs = 1")

    config = TrainingConfig.from_sources(
        {"source": "t.csv", "seed": 2}, file, environment={"VAE_STORE": "b"}
    )

    assert (config.seed, config.store, config.epochs) == (2, Path("b"), 1)


def test_a_store_given_by_flag_wins() -> None:
    flags = {"source": "t.csv", "store": Path("c")}

    config = TrainingConfig.from_sources(flags, environment={"VAE_STORE": "b"})

    assert config.store == Path("c")


def test_keys_of_the_file_have_dashes_or_underscores(tmp_path: Path) -> None:
    file = toml_file(tmp_path, "batch-size = 7", "latent_dim = 3", "[kind]", '"a b" = "count"')

    config = TrainingConfig.from_sources({"source": "t.csv"}, file, environment={})

    assert (config.batch_size, config.latent_dim, config.kind) == (7, 3, {"a b": "count"})


def test_the_file_can_name_the_source(tmp_path: Path) -> None:
    file = toml_file(tmp_path, 'source = "digits"')

    assert TrainingConfig.from_sources({}, file, environment={}).source == "digits"


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("hidden_sizes", "256,128", (256, 128)),
        ("hidden_sizes", "none", ()),
        ("size", "48x32", (48, 32)),
        ("ignore", "label, time", ("label", "time")),
        ("ignore", ["a,b"], ("a,b",)),
        ("kind", ["a=b=count"], {"a=b": "count"}),
        ("kind", "a=real", {"a": "real"}),
        ("transform", ["a=b=log", "standardise"], {"a=b": "log", "": "standardise"}),
        ("transform", {"a": "log1p"}, {"a": "log1p"}),
    ],
)
def test_flags_are_written_as_people_write_them(field: str, text: object, value: object) -> None:
    assert getattr(from_flags(**{field: text}), field) == value


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"batch_size": 0}, "--batch-size is 0; it should be greater than or equal to 1."),
        ({"epochs": "few"}, "--epochs is 'few'; it should be a valid integer."),
        ({"size": "32"}, "--size is '32'; it should look like 32x32, width first."),
        (
            {"hidden_sizes": "big"},
            "--hidden-sizes is 'big'; it should look like 256,256, or none for a linear model.",
        ),
        ({"kind": ["a"]}, "--kind is ['a']; it should look like column=count."),
        ({"seed": -1}, "--seed is -1; it should be greater than or equal to 0."),
        (
            {"device": "gpu"},
            "--device is 'gpu'; it should be 'auto', 'cuda', 'mps' or 'cpu'.",
        ),
        ({"learning_rate": float("nan")}, "--learning-rate is nan; it should be a finite number."),
        (
            {"binarize": "static"},
            "--binarize was given without --likelihood bernoulli, which it needs.",
        ),
        (
            {"zero_inflation": True, "likelihood": "poisson"},
            "--zero-inflation was given without --likelihood negative_binomial, which it needs.",
        ),
        ({"fixed_scale": 2.0}, "--fixed-scale was given without --scale fixed, which it needs."),
        (
            {"scale_floor": 0.1, "scale": "fixed"},
            "--scale-floor was given with --scale fixed; a learned one is needed.",
        ),
        (
            {"ignore": "a", "kind": "a=real"},
            "Column 'a' is in --ignore and in --kind; one is needed.",
        ),
        (
            {"transform": ["=log"]},
            (
                "--transform is ['=log']; it should look like column=log, or standardise for every "
                "column."
            ),
        ),
    ],
)
def test_a_wrong_flag_is_explained_in_one_sentence(flags: dict[str, object], said: str) -> None:
    assert refusal(**flags) == said


@pytest.mark.parametrize(
    ("transform", "place"), [("a=sqrt", "--transform a"), ("sqrt", "--transform")]
)
def test_a_wrong_transform_is_explained_with_its_column(transform: str, place: str) -> None:
    assert refusal(transform=[transform]) == (
        f"{place} is 'sqrt'; it should be 'none', 'standardise', 'affine', 'log' or 'log1p'."
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("batchsize = 1", "run.toml, key 'batchsize' is unknown; did you mean 'batch_size'?"),
        ("zzz = 1", "run.toml, key 'zzz' is unknown."),
        ("epochs = 0", "run.toml, key 'epochs' is 0; it should be greater than or equal to 1."),
        ("size = [32]", "run.toml, key 'size' is [32]; it should have more items."),
        ("ignore = 3", "run.toml, key 'ignore' is 3; it should be a list."),
    ],
)
def test_a_wrong_key_is_explained_in_one_sentence(tmp_path: Path, line: str, said: str) -> None:
    assert refusal(toml_file(tmp_path, line)) == said


def test_an_unknown_kind_is_named_with_its_column() -> None:
    assert refusal(kind=["a=number"]).startswith("--kind a is 'number'; it should be 'real', ")


def test_a_source_is_needed() -> None:
    with pytest.raises(DataError, match="No source was given"):
        TrainingConfig.from_sources({}, environment={})


def test_a_config_file_must_be_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "run.toml").endswith("run.toml: there is no such file.")


@pytest.mark.parametrize(
    ("content", "said"), [(b"a = ", "run.toml is no TOML file: "), (b"\xff", "is not UTF-8 text")]
)
def test_a_config_file_must_be_toml(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "run.toml").write_bytes(content)

    assert said in refusal(tmp_path / "run.toml")


def test_a_config_file_that_the_system_will_not_read_is_the_worlds_fault(tmp_path: Path) -> None:
    (tmp_path / "run.toml").symlink_to("/proc/self/mem")

    with pytest.raises(DataUnavailableError, match=r"run\.toml cannot be read: "):
        TrainingConfig.from_sources({}, tmp_path / "run.toml", environment={})


def test_no_folder_of_this_machine_is_recorded(tmp_path: Path) -> None:
    config = from_flags(source=str(tmp_path / "t.csv"), store=tmp_path / "models")

    assert config.recorded()["source"] == "t.csv"
    assert str(tmp_path) not in str(config.recorded())


def test_what_is_recorded_makes_the_same_config_again() -> None:
    config = from_flags(hidden_sizes="8,8", size="4x4", kind="a=count", seed=3)

    assert TrainingConfig.model_validate(config.recorded()) == config
