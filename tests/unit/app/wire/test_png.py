"""PNG files, read back by a library that knows them."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from app.wire import png


def read(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
        picture.verify()
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture)


@settings(deadline=None)
@given(
    lines=st.lists(st.tuples(st.binary(min_size=6, max_size=6), st.integers(1, 4)), min_size=1),
    channels=st.sampled_from([1, 3]),
)
def test_any_picture_is_read_back_as_it_is(lines: list[tuple[bytes, int]], channels: int) -> None:
    height, width = sum(times for _, times in lines), 6 // channels

    found = read(png.encode(width, height, channels, lines))

    expected = b"".join(line * times for line, times in lines)
    assert found.tobytes() == expected
    assert found.shape == ((height, 6) if channels == 1 else (height, 2, 3))


@pytest.mark.parametrize("position", [20, 50])
def test_every_chunk_has_its_check_sum(position: int) -> None:
    content = bytearray(png.encode(4, 4, 1, [(b"\1\2\3\4", 4)]))
    content[position] ^= 1

    with pytest.raises((OSError, SyntaxError)):
        read(bytes(content))


def test_repeated_lines_cost_next_to_nothing() -> None:
    line = np.random.default_rng(0).bytes(1000)

    once, often = (png.encode(1000, times, 1, [(line, times)]) for times in (1, 64))

    assert len(often) < 1.5 * len(once)
