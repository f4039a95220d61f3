"""Checkpoints survive their file, and are refused when they contradict themselves."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors.torch import load

from model_store.checkpoint import Checkpoint, digest_of, read_checkpoint
from model_store.errors import (
    CorruptCheckpointError,
    ForeignFileError,
    NewerFormatError,
)
from model_store.header import data_start, read_header
from model_store.vae.estimators import estimate_elbo
from tests.builders import (
    same_checkpoint,
    small_checkpoint,
    with_description,
    with_header,
    with_header_text,
)
from tests.models import KINDS, random_rows, small_vae

CONTENT = small_checkpoint().to_bytes()
FIRST = "encoder.blocks.0.linear.weight"


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_is_what_was_written(kind: str) -> None:
    checkpoint = small_checkpoint(kind)

    assert same_checkpoint(read_checkpoint(checkpoint.to_bytes()), checkpoint)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rebuilt_model_gives_the_same_numbers(kind: str) -> None:
    rows = random_rows(kind, 5)

    rebuilt = read_checkpoint(small_checkpoint(kind).to_bytes()).build()

    after = estimate_elbo(rebuilt, rows, num_samples=4, seed=1)
    # Weights that are frozen, as those of what is built, give outputs that are rounded otherwise.
    before = estimate_elbo(small_vae(kind).freeze(), rows, num_samples=4, seed=1)
    assert torch.equal(after.elbo, before.elbo)


def test_the_same_checkpoint_has_the_same_bytes() -> None:
    assert small_checkpoint().to_bytes() == CONTENT


def test_any_safetensors_reader_reads_the_tensors() -> None:
    tensors = load(CONTENT)

    assert digest_of(tensors) == small_checkpoint().document.digest


def test_the_digest_is_over_the_tensors_alone() -> None:
    renamed = with_description(CONTENT, lambda document: document.update(objective="other"))

    assert read_header(renamed).document.digest == read_header(CONTENT).document.digest


def test_the_order_of_entries_in_the_header_is_free() -> None:
    header = json.loads(CONTENT[8 : data_start(CONTENT)])
    turned = json.dumps(dict(reversed(header.items())))

    assert same_checkpoint(read_checkpoint(with_header_text(CONTENT, turned)), small_checkpoint())


def _drop(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda header: header.pop(name)


def _entry(**fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda header: header[FIRST].update(fields)


@pytest.mark.parametrize(
    "change",
    [
        _drop(FIRST),
        lambda header: header.update(extra=header[FIRST]),
        lambda header: header.update({FIRST: None}),
        _entry(dtype="F16"),
        _entry(dtype="F64"),
        _entry(shape=[6, 16]),
        _entry(shape=[16, 7]),
        _entry(shape=[96]),
        _entry(shape=[-16, -6]),
        _entry(shape=[2**62, 2**62, 0]),
        _entry(shape=[1] * 100_000),
        _entry(data_offsets=[0, 384]),
        _entry(data_offsets=[384, 0]),
        _entry(data_offsets=[-384, 0]),
        _entry(data_offsets=[0, 2**62]),
        _entry(data_offsets=[0]),
        _entry(strides=[1, 1]),
        lambda header: header.update({f"t{i}": header[FIRST] for i in range(20_000)}),
    ],
)
def test_a_header_that_does_not_fit_the_data_is_refused(
    change: Callable[[dict[str, Any]], object],
) -> None:
    with pytest.raises(CorruptCheckpointError):
        read_checkpoint(with_header(CONTENT, change))


def test_two_tensors_on_the_same_bytes_are_refused() -> None:
    def overlap(header: dict[str, Any]) -> None:
        bias, norm = "encoder.blocks.0.linear.bias", "encoder.blocks.0.norm.bias"
        header[bias]["data_offsets"] = header[norm]["data_offsets"]

    with pytest.raises(CorruptCheckpointError, match="lies where it cannot"):
        read_checkpoint(with_header(CONTENT, overlap))


def test_bytes_that_belong_to_no_tensor_are_refused() -> None:
    with pytest.raises(CorruptCheckpointError, match="torn"):
        read_checkpoint(CONTENT + b"hidden!!")


def test_a_tensor_named_twice_is_refused() -> None:
    text = CONTENT[8 : data_start(CONTENT)].decode()
    twice = text.replace(f'"{FIRST}"', f'"{FIRST}":{{}},"{FIRST}"')

    with pytest.raises(ForeignFileError, match="twice"):
        read_checkpoint(with_header_text(CONTENT, twice))


def test_data_that_are_not_aligned_are_refused() -> None:
    start = data_start(CONTENT)
    shifted = (start - 7).to_bytes(8, "little") + CONTENT[8:start] + b" " + CONTENT[start:]

    with pytest.raises(CorruptCheckpointError, match="multiple of 8"):
        read_checkpoint(shifted)


def test_a_tensor_that_is_not_aligned_to_its_elements_is_refused() -> None:
    content = small_checkpoint("gaussian_shared").to_bytes()
    single = "head.raw_log_scale"  # four bytes, before all the float64

    def put_first(header: dict[str, Any]) -> None:
        entries = [
            header[single],
            *(header[n] for n in header if n not in {single, "__metadata__"}),
        ]
        position = 0
        for entry in entries:
            begin, end = entry["data_offsets"]
            entry["data_offsets"] = [position, position + end - begin]
            position += end - begin

    with pytest.raises(CorruptCheckpointError, match=r"'transform\.\w+' lies where it cannot"):
        read_checkpoint(with_header(content, put_first))


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 2**40, len(CONTENT) - 7])
def test_a_header_longer_than_the_file_is_refused(length: int) -> None:
    with pytest.raises(ForeignFileError, match="cut off"):
        read_checkpoint(length.to_bytes(8, "little") + CONTENT[8:])


def test_an_endless_header_is_not_read() -> None:
    length = 33 * 2**20

    with pytest.raises(CorruptCheckpointError, match="at most"):
        read_checkpoint(length.to_bytes(8, "little") + bytes(length))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"PK\x03\x04" + bytes(100),
        b"\x93NUMPY\x01\x00" + bytes(100),
        bytes(100),
        (2).to_bytes(8, "little") + b"[]",
        (2).to_bytes(8, "little") + b"{}",
        with_header_text(CONTENT, "[" * 100_000),
        with_header_text(CONTENT, '{"a": NaN}'),
        with_header_text(CONTENT, '{"__metadata__": {"format": "pt"}}'),
        with_header_text(CONTENT, '{"__metadata__": {"vae-checkpoint/one": "{}"}}'),
        with_header_text(CONTENT, '{"__metadata__": {"vae-checkpoint/1": []}}'),
        with_header_text(CONTENT, '{"__metadata__": []}'),
    ],
)
def test_a_file_of_another_kind_is_foreign(content: bytes) -> None:
    with pytest.raises(ForeignFileError):
        read_checkpoint(content)


def test_a_newer_format_is_refused_by_its_number() -> None:
    newer = with_header(
        CONTENT, lambda header: header.update(__metadata__={"vae-checkpoint/12": "anything"})
    )

    with pytest.raises(NewerFormatError, match="format 12; this version reads 1"):
        read_checkpoint(newer)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (FIRST, float("nan")),
        (FIRST, float("inf")),
        ("transform.shift", float("nan")),
        ("transform.scale", 0.0),
        ("transform.scale", -1.0),
    ],
)
def test_tensors_that_would_make_every_answer_nan_are_refused(name: str, value: float) -> None:
    checkpoint = small_checkpoint()
    checkpoint.tensors[name].view(-1)[-1] = value
    digest = digest_of(checkpoint.tensors)
    document = checkpoint.document.model_copy(update={"digest": digest})

    with pytest.raises(CorruptCheckpointError, match=f"'{name}' holds a value"):
        read_checkpoint(Checkpoint(document, checkpoint.tensors).to_bytes())
