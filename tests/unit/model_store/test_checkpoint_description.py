"""A description that is damaged, hostile or contradicts its tensors is refused."""

import resource
from collections.abc import Callable
from typing import Any

import pytest

from model_store.checkpoint import read_checkpoint
from model_store.errors import CheckpointError, CorruptCheckpointError
from model_store.header import DIGEST_KEY, METADATA_KEY
from tests.builders import small_checkpoint, with_description, with_header

CONTENT = small_checkpoint().to_bytes()


@pytest.mark.parametrize("text", ["", "[]", "{", '"\\ud800"', "[" * 100_000, "null"])
def test_a_description_that_is_none_is_refused(text: str) -> None:
    broken = with_header(
        CONTENT, lambda header: header.update(__metadata__={METADATA_KEY: text, DIGEST_KEY: "0"})
    )

    with pytest.raises(CorruptCheckpointError):
        read_checkpoint(broken)


def test_a_changed_description_is_noticed() -> None:
    changed = CONTENT.replace(b'\\"value\\":-12.5', b'\\"value\\":-11.5')
    assert changed != CONTENT

    with pytest.raises(CorruptCheckpointError, match="description does not have the digest"):
        read_checkpoint(changed)


def _model(**fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["model"].update(fields)


@pytest.mark.parametrize(
    "change",
    [
        _model(latent_dim=0),
        _model(latent_dim=4),
        _model(event_shape=[7]),
        _model(event_shape=[]),
        _model(event_shape=[1_000_000, 1_000_000]),
        _model(likelihood={"name": "poisson"}),
        _model(likelihood={"name": "categorical", "cardinalities": [2]}),
        _model(likelihood={"name": "x" * 100_000}),
        _model(posterior="flow"),
        lambda document: document.update(digest="0" * 64),
        lambda document: document.update(format_version=2),
        lambda document: document.update(created="2025-01-02T03:04:05"),
        lambda document: document.update(training={"a": [[[[{}]]]] * 3, "b": _nested(40)}),
        lambda document: document.update({"x" * 100_000: 1}),
        lambda document: document.pop("evaluation"),
        lambda document: document["evaluation"]["elbo"].update(value="much"),
        lambda document: document["evaluation"]["elbo"].update(standard_error=-1),
    ],
)
def test_a_description_that_contradicts_itself_or_the_tensors_is_refused(
    change: Callable[[dict[str, Any]], object],
) -> None:
    with pytest.raises(CorruptCheckpointError) as caught:
        read_checkpoint(with_description(CONTENT, change))

    assert len(str(caught.value)) < 500


def _nested(depth: int) -> list[object]:
    return [_nested(depth - 1)] if depth else []


@pytest.mark.parametrize("sizes", [[1_000_000] * 2, [65_536] * 64])
def test_layers_of_absurd_width_are_refused_without_memory_for_them(sizes: list[int]) -> None:
    absurd = with_description(CONTENT, _model(encoder={"hidden_sizes": sizes}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(CorruptCheckpointError):
        read_checkpoint(absurd)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_every_refusal_is_one_sentence_without_a_traceback_of_another() -> None:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(with_description(CONTENT, _model(latent_dim="many\nmore")))

    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__
