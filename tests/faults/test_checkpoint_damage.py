"""A damaged file is refused, or is no damage: what is read is what was written."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model_store.checkpoint import read_checkpoint
from model_store.errors import CheckpointError
from model_store.header import data_start
from tests.builders import calibrated_checkpoint, same_checkpoint

CHECKPOINT = calibrated_checkpoint("mixed")
CONTENT = CHECKPOINT.to_bytes()
START = data_start(CONTENT)


def _refused(content: bytes) -> bool:
    """Refused for a reason; what is read nevertheless must be the very same checkpoint."""
    try:
        read = read_checkpoint(content)
    except CheckpointError:
        return True
    assert same_checkpoint(read, CHECKPOINT)
    return False


def _changed(position: int, value: int) -> bytes:
    return CONTENT[:position] + bytes([value]) + CONTENT[position + 1 :]


@settings(deadline=None, max_examples=500)
@given(st.integers(0, len(CONTENT) - 1), st.integers(0, 255))
@example(START - 1, ord("\t"))
@example(0, 0)
def test_one_changed_byte_is_refused_or_changes_nothing(position: int, value: int) -> None:
    _refused(_changed(position, value))


def test_every_flipped_bit_of_the_tensors_is_refused() -> None:
    for position in range(START, len(CONTENT), 5):
        assert _refused(_changed(position, CONTENT[position] ^ (1 << position % 8)))


def test_every_flipped_character_of_the_description_is_refused() -> None:
    first = CONTENT.index(b"format_version")

    for position in range(first, CONTENT.index(b"vae-checkpoint-sha256"), 3):
        assert _refused(_changed(position, CONTENT[position] ^ 1))


def test_a_file_torn_at_any_length_is_refused() -> None:
    for length in {*range(0, len(CONTENT), 7), *range(16), *range(START - 9, START + 9)}:
        assert _refused(CONTENT[:length])


@settings(deadline=None)
@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 64))
def test_a_hole_of_zeros_is_refused_or_changes_nothing(position: int, length: int) -> None:
    end = min(position + length, len(CONTENT))

    _refused(CONTENT[:position] + bytes(end - position) + CONTENT[end:])


@settings(deadline=None)
@given(st.integers(0, len(CONTENT)), st.binary(min_size=1, max_size=64))
def test_bytes_put_in_between_are_refused_or_change_nothing(position: int, more: bytes) -> None:
    _refused(CONTENT[:position] + more + CONTENT[position:])


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    assert _refused(noise)
    assert _refused(len(noise).to_bytes(8, "little") + noise)


@pytest.mark.parametrize("space", [b"\t", b"\n", b"\r"])
def test_other_white_space_at_the_end_of_the_header_changes_nothing(space: bytes) -> None:
    padding = START - len(CONTENT[:START].rstrip(b" "))
    assert padding > 0

    assert not _refused(CONTENT[: START - padding] + space * padding + CONTENT[START:])
