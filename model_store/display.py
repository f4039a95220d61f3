"""Tables for people: what `vae-store` shows of models, versions and what is broken."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from model_store.listing import BrokenFile, StoredModel
from model_store.schema import (
    CalibrationSummary,
    CheckpointDocument,
    Estimate,
    Gaussian,
    Laplace,
    Likelihood,
    LinearGaussianEncoder,
    Mixed,
    ModelSchema,
    StudentT,
)


@dataclass(frozen=True)
class ListedVersion:
    """A version whose description could be read, and its model."""

    model: StoredModel
    version: int
    document: CheckpointDocument

    @property
    def aliases(self) -> list[str]:
        """The aliases that point at this version."""
        return [alias for alias, version in self.model.aliases.items() if version == self.version]


def versions_table(versions: Iterable[ListedVersion]) -> Table:
    """One line per version."""
    table = _table("model", "aliases", "likelihood", "rows")
    table.add_column("elbo (nats)", justify="right")
    table.add_column("log-likelihood (nats)", justify="right")
    table.add_column("created")
    for each in versions:
        evaluation = each.document.evaluation
        _add_row(
            table,
            f"{each.model.name}@{each.version}",
            ", ".join(each.aliases),
            likelihood_text(each.document.model.likelihood),
            f"{evaluation.rows:,}",
            estimate_text(evaluation.elbo),
            estimate_text(evaluation.log_likelihood),
            f"{each.document.created:%Y-%m-%d %H:%M %Z}",
        )
    return table


def broken_table(broken: Sequence[BrokenFile]) -> Table:
    """One line per thing that cannot be served."""
    table = _table("broken", "reason")
    for each in broken:
        name = each.name if each.version is None else f"{each.name}@{each.version}"
        _add_row(table, name, each.reason)
    return table


def card_table(listed: ListedVersion) -> Table:
    """Everything a person asks of one version."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(2):
        table.add_column(overflow="fold")
    for label, text in _card_lines(listed):
        _add_row(table, label, text)
    return table


def likelihood_text(likelihood: Likelihood) -> str:
    """The name, with a real law's scale or a mixed table's parts."""
    if isinstance(likelihood, Mixed):
        return f"mixed: {', '.join(sorted({part.likelihood.name for part in likelihood.parts}))}"
    if isinstance(likelihood, Gaussian | Laplace | StudentT):
        return f"{likelihood.name}, scale {likelihood.scale}"
    return likelihood.name


def estimate_text(estimate: Estimate) -> str:
    """The value and its standard error."""
    return f"{estimate.value:.2f} ± {estimate.standard_error:.2f}"


def calibration_text(calibration: CalibrationSummary | None) -> str:
    """Which rows tell what scores mean, and from which rate on."""
    if calibration is None:
        return "none"
    rate = f"false-positive rates from {1 / (calibration.rows + 1):.2g}"
    return f"{calibration.rows:,} rows of {calibration.source}, {rate}"


def _card_lines(listed: ListedVersion) -> list[tuple[str, str]]:
    document, evaluation = listed.document, listed.document.evaluation
    model, data = document.model, document.data
    return [
        ("model", f"{listed.model.name}@{listed.version}"),
        ("aliases", ", ".join(listed.aliases) or "none"),
        ("versions", ", ".join(map(str, listed.model.versions))),
        ("created", f"{document.created:%Y-%m-%d %H:%M:%S %Z}"),
        ("event shape", " x ".join(map(str, model.event_shape))),
        ("features", _features_text(model)),
        ("likelihood", likelihood_text(model.likelihood)),
        ("prior, posterior", f"{_prior_text(model)}, {model.posterior}"),
        ("latents", f"{model.latent_dim}, of which {evaluation.active_units} active"),
        ("encoder", _encoder_text(model)),
        ("decoder", _sizes_text(model.decoder.hidden_sizes)),
        ("objective", f"{document.objective}, seed {document.seed}"),
        ("source", data.source),
        ("rows", f"{data.train_rows:,} to train, {data.validation_rows:,} to validate"),
        ("calibration", calibration_text(document.calibration)),
        ("missing cells", f"{data.missing_cells:,}"),
        ("held out", f"{evaluation.rows:,} rows, {evaluation.num_samples:,} samples each"),
        ("elbo", f"{estimate_text(evaluation.elbo)} nats per row"),
        ("log-likelihood", f"{estimate_text(evaluation.log_likelihood)} nats per row"),
        ("of which reliable", _share_text(evaluation.reliable_fraction)),
        ("reconstruction", f"{estimate_text(evaluation.reconstruction)} nats per row"),
        ("KL divergence", f"{estimate_text(evaluation.kl_divergence)} nats per row"),
        ("bits per dimension", f"{evaluation.bits_per_dim:.3f}"),
        ("at the scale's floor", ", ".join(evaluation.features_at_floor) or "none"),
        ("constant features", ", ".join(data.constant_features) or "none"),
        ("libraries", ", ".join(f"{name} {v}" for name, v in document.libraries.items())),
        ("tensor digest", document.digest),
    ]


def _prior_text(model: ModelSchema) -> str:
    if isinstance(model.prior, str):
        return model.prior
    return f"{model.prior.name} of {model.prior.components}"


def _features_text(model: ModelSchema) -> str:
    kinds = Counter(feature.kind for feature in model.features)
    return ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())


def _share_text(share: float | None) -> str:
    return "not recorded" if share is None else f"{share:.0%} of the rows"


def _encoder_text(model: ModelSchema) -> str:
    if isinstance(model.encoder, LinearGaussianEncoder):
        return "linear_gaussian, by its formula"
    return _sizes_text(model.encoder.hidden_sizes)


def _sizes_text(sizes: Sequence[int]) -> str:
    return " → ".join(map(str, sizes)) or "linear"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _add_row(table: Table, *cells: str) -> None:
    """Cells as they are: a feature called `[red]` is no markup, and an escape no colour."""
    table.add_row(*(Text("".join(c if c.isprintable() else "�" for c in cell)) for cell in cells))
