"""Answers as pictures: images in a grid, enlarged until a person sees their pixels."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, isqrt

import numpy as np
from torch import Tensor

from app.errors import TooManySamplesError
from app.loaded_model import LoadedModel
from app.schemas.tensors import Reply
from app.wire import png

# Where the longer side of an image has fewer pixels, each of them becomes a square of several.
_SHORTEST_SIDE = 64
_GAP = 2
# No image is all of this grey, and both black and white stand out from it.
_GAP_BRIGHTNESS = 128


@dataclass(frozen=True)
class ImageShape:
    """What the axes of an image are.

    Args:
        height: Of the image.
        width: Of the image.
        channels: 1 or 3.
        channels_first: Whether they are the first axis, not the last.
    """

    height: int
    width: int
    channels: int = 1
    channels_first: bool = False

    @classmethod
    def of(cls, event_shape: tuple[int, ...]) -> "ImageShape | None":
        """Of an event, None if it is no image; channels are last where both could be."""
        match event_shape:
            case (height, width):
                return cls(height, width)
            case (height, width, 1 | 3 as channels):
                return cls(height, width, channels)
            case (1 | 3 as channels, height, width):
                return cls(height, width, channels, channels_first=True)
        return None

    @property
    def enlargement(self) -> int:
        """Pixels of the picture along a pixel of an image."""
        return ceil(_SHORTEST_SIDE / max(self.height, self.width))

    def channels_last(self, rows: np.ndarray) -> np.ndarray:
        """Flat rows as (n, height, width, channels)."""
        if self.channels_first:
            return rows.reshape(-1, self.channels, self.height, self.width).transpose(0, 2, 3, 1)
        return rows.reshape(-1, self.height, self.width, self.channels)


@dataclass(frozen=True, eq=False)
class Images:
    """What a picture shows.

    Args:
        shape: Of each image.
        values: The images, flat: (n, values of each).
        bytes_of: From some of the images to their brightness or colours, flat, 0 ... 255.
        columns: How many stand side by side, if that means something.
    """

    shape: ImageShape
    values: np.ndarray
    bytes_of: Callable[[np.ndarray], np.ndarray]
    columns: int | None = None


class PictureReply(Reply):
    """An answer that can be shown, of a model of images."""

    @abstractmethod
    def images(self, shape: ImageShape, model: LoadedModel) -> Images:
        """What is to be seen; the shape is that of the model's rows."""


class RowsReply(PictureReply):
    """An answer that holds rows as the model would see them."""

    @abstractmethod
    def images_of_rows(self) -> tuple[Tensor, int | None]:
        """Its rows (n, *event), and how many stand side by side if that means something."""

    def images(self, shape: ImageShape, model: LoadedModel) -> Images:
        """The rows, as bright as their values say."""
        rows, columns = self.images_of_rows()
        values = rows.flatten(1).cpu().numpy()
        return Images(shape, values, model.brightness.bytes_of, columns)


def are_images(event_shape: tuple[int, ...]) -> bool:
    """Whether rows of this shape can be shown."""
    return ImageShape.of(event_shape) is not None


def encode(reply: PictureReply, model: LoadedModel, most_numbers: int) -> bytes:
    """The images of an answer as one PNG, line by line from the left.

    Args:
        reply: The answer.
        model: Who gave it, a model of images.
        most_numbers: Most bytes of a picture that is not compressed.

    Raises:
        TooManySamplesError: it would have more.
    """
    shape = ImageShape.of(model.event_shape)
    if shape is None:
        raise ValueError(f"Rows of shape {model.event_shape} are no images.")
    images = reply.images(shape, model)
    count, channels = len(images.values), images.shape.channels
    grid = _Grid(images.shape, count, images.columns or ceil_sqrt(count))
    if grid.width * grid.height * channels > most_numbers:
        raise TooManySamplesError(
            f"The picture has {grid.width:,} x {grid.height:,} pixels of {channels} numbers; "
            f"this server makes {most_numbers:,} numbers at once."
        )
    lines = grid.lines(images.values, images.bytes_of)
    return png.encode(grid.width, grid.height, channels, lines)


def ceil_sqrt(count: int) -> int:
    """The side of the smallest square with room for so many."""
    return isqrt(count - 1) + 1


@dataclass(frozen=True)
class _Grid:
    """Images of one shape side by side and below each other, with gaps between.

    Args:
        shape: Of each image.
        count: How many there are.
        columns: How many of them stand side by side.
    """

    shape: ImageShape
    count: int
    columns: int

    @property
    def width(self) -> int:
        return self.columns * (self.shape.width * self.shape.enlargement + _GAP) - _GAP

    @property
    def height(self) -> int:
        rows = ceil(self.count / self.columns)
        return rows * (self.shape.height * self.shape.enlargement + _GAP) - _GAP

    def lines(
        self, values: np.ndarray, bytes_of: Callable[[np.ndarray], np.ndarray]
    ) -> Iterator[tuple[bytes, int]]:
        """The lines of the picture, each with how often it stands there; see `Images`."""
        gap = bytes([_GAP_BRIGHTNESS]) * (self.width * self.shape.channels)
        for start in range(0, self.count, self.columns):
            if start:
                yield gap, _GAP
            shown = bytes_of(values[start : start + self.columns])
            for line in self._side_by_side(self.shape.channels_last(shown)):
                yield line.tobytes(), self.shape.enlargement

    def _side_by_side(self, images: np.ndarray) -> np.ndarray:
        """One row of the grid, enlarged along the lines only: (height, bytes of a line)."""
        side = self.shape.width * self.shape.enlargement
        canvas = np.full(
            (self.shape.height, self.columns, side + _GAP, self.shape.channels),
            _GAP_BRIGHTNESS,
            dtype=np.uint8,
        )
        enlarged = images.repeat(self.shape.enlargement, axis=2)
        canvas[:, : len(images), :side] = enlarged.transpose(1, 0, 2, 3)
        return canvas.reshape(self.shape.height, -1)[:, : self.width * self.shape.channels]
