"""Grey values to 0 and 1: by a fresh draw on every pass, by one draw for good, or by a threshold.

A grey value g in [0, 1] is read as P(pixel = 1). Fresh draws (dynamic; Salakhutdinov & Murray,
2008) train on that whole distribution; one draw (static; Larochelle & Murray, 2011) makes a fixed
set. They are two tasks: their likelihoods are not comparable.
"""

from dataclasses import replace
from enum import IntEnum

import numpy as np

from training.config import Binarize
from training.data.kinds import grey_levels
from training.data.reading import Reading, first_cell, is_missing, row_blocks
from training.errors import DataError


class Stream(IntEnum):
    """Draws that share a seed but no numbers, with one another or with the split."""

    ROWS = 1
    HELD_OUT = 2
    VALIDATION = 3
    TEST = 4
    CALIBRATION = 5


def binarized(reading: Reading, how: Binarize, seed: int) -> Reading:
    """The reading as 0 and 1, or with `dynamic` as the grey values in [0, 1] to draw from.

    Raises:
        DataError: a value that is no grey value.
    """
    grey = to_intensities(reading)
    if how == "static":
        test = None if grey.test is None else draw_pixels(grey.test, seed, Stream.HELD_OUT)
        return replace(grey, x=draw_pixels(grey.x, seed, Stream.ROWS), test=test)
    if how == "threshold":
        test = None if grey.test is None else cut_pixels(grey.test)
        return replace(grey, x=cut_pixels(grey.x), test=test)
    return grey


def to_intensities(reading: Reading) -> Reading:
    """The reading with its grey values over their largest level, float32 in [0, 1].

    Raises:
        DataError: a value that is no grey value.
    """
    for x, place in reading.parts():
        found = first_cell(x, lambda b: (b < 0) | (b > 255) | ((b > 1) & (b != np.floor(b))))
        if found is not None:
            row, column = found
            raise DataError(
                f"{reading.cell(place(row), column)}: {x[row, column]:.12g} came; --binarize needs "
                f"grey values, from 0 to 1 or whole numbers from 0 to 255."
            )
    high = max(float(np.fmax.reduce(x, axis=None)) for x, _ in reading.parts())
    top = 1 if high <= 1 else (reading.pixel_levels or grey_levels(high)) - 1
    test = None if reading.test is None else _divided(reading.test, top)
    return replace(reading, x=_divided(reading.x, top), test=test)


def draw_pixels(intensities: np.ndarray, seed: int, stream: Stream) -> np.ndarray:
    """One Bernoulli draw of every pixel; the same for the same seed and stream.

    uint8, or float32 where pixels are missing and stay so.
    """
    generator = np.random.Generator(np.random.PCG64([seed, stream]))
    pixels = np.empty(intensities.shape, dtype=np.uint8)
    for start, block in row_blocks(intensities):
        pixels[start : start + len(block)] = generator.random(block.shape) < block
    return _with_gaps_of(intensities, pixels)


def cut_pixels(intensities: np.ndarray) -> np.ndarray:
    """1 from the middle grey on, uint8, or float32 where pixels are missing and stay so."""
    return _with_gaps_of(intensities, (intensities >= 0.5).astype(np.uint8))


def _with_gaps_of(intensities: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    missing = is_missing(intensities)
    return np.where(missing, np.float32(np.nan), pixels) if missing.any() else pixels


def _divided(x: np.ndarray, top: int) -> np.ndarray:
    return x.astype(np.float32) / np.float32(top)
