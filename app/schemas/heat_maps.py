"""What each pixel of an image adds to its score: red for more than is typical, blue for less."""

import numpy as np

from app.schemas.pictures import Images, ImageShape

STRONGEST_NATS = 5.0
"""From here on a pixel is as red, or as blue, as it can be."""

# From -1 to 1 in equal steps: ColorBrewer's RdBu, which the colour-blind can read.
_COLOURS = np.array(
    [
        (33, 102, 172),
        (103, 169, 207),
        (209, 229, 240),
        (247, 247, 247),
        (253, 219, 199),
        (239, 138, 98),
        (178, 24, 43),
    ]
)
_PLACES = np.linspace(-1, 1, len(_COLOURS))


def heat_map(shape: ImageShape, excess: np.ndarray) -> Images:
    """One image of the same size for each row, in the same colours whatever stands beside it.

    Args:
        shape: Of the rows.
        excess: What each feature adds beyond what is typical, in nats: (rows, features). A pixel
            adds what its channels do together.
    """
    pixels = shape.channels_last(excess).sum(axis=-1).reshape(len(excess), -1)
    return Images(ImageShape(shape.height, shape.width, channels=3), pixels, colours_of)


def colours_of(nats: np.ndarray) -> np.ndarray:
    """Red, green and blue of each value, side by side: (rows, 3 * pixels)."""
    # The root shows what is weak; few pixels reach the ends.
    strength = np.sign(nats) * np.sqrt(np.abs(nats / STRONGEST_NATS).clip(0, 1))
    channels = [np.interp(strength, _PLACES, channel) for channel in _COLOURS.T]
    return np.stack(channels, axis=-1).round().astype(np.uint8).reshape(len(nats), -1)
