"""Rows from a folder of PNG and JPEG files, one image each, of one size."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from training.config import TrainingConfig
from training.data.reading import (
    MAX_FEATURES,
    Reading,
    cell_names,
    check_rows,
    check_size,
    model_name,
)
from training.errors import DataError, DataUnavailableError

_SUFFIXES = (".png", ".jpg", ".jpeg")
_LITTER = ("thumbs.db", "desktop.ini", "__macosx")  # what systems leave behind in folders
_GREY_MODES = ("1", "L", "LA", "I", "I;16", "I;16B")


def read_images(folder: Path, config: TrainingConfig) -> Reading:
    """All images below a folder, uint8, shape (rows, height, width) or with a last axis of 3.

    Grey images stay grey unless one of the others has colour. With `--size` each is cut to the
    wanted proportions around its centre and resized; without, all must have one size.

    Raises:
        DataError: a file is no image, is damaged or has another size, or there are too few.
        DataUnavailableError: a file cannot be read.
    """
    source = folder.resolve().name
    files, num_skipped = _list_images(source, folder)
    names = [file.relative_to(folder).as_posix() for file in files]
    images = _load_all(source, files, names, config.size)
    x = np.stack(images if len({i.ndim for i in images}) == 1 else [_coloured(i) for i in images])
    check_size(source, x)
    cells = cell_names(x.shape[1:])
    return Reading(
        source=source,
        default_name=model_name(folder),
        x=x,
        names=cells,
        whole=np.ones(len(cells), dtype=bool),
        pixel_levels=256,
        place=lambda row: f"image {names[row]!r}",
        notes=(f"{source}: {num_skipped} hidden files were skipped.",) if num_skipped else (),
    )


def _list_images(source: str, folder: Path) -> tuple[list[Path], int]:
    """The image files in the order of their paths, and how many hidden ones are left out."""
    everything = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [path for path in everything if not _is_hidden(path.relative_to(folder))]
    for path in files:
        if path.suffix.lower() not in _SUFFIXES:
            raise DataError(
                f"{source} holds {path.relative_to(folder).as_posix()!r}, which is no PNG or JPEG; "
                f"a folder of such images is needed."
            )
    check_rows(source, len(files), "images")
    return files, len(everything) - len(files)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part.lower() in _LITTER for part in path.parts)


def _load_all(
    source: str, files: Sequence[Path], names: Sequence[str], size: tuple[int, int] | None
) -> list[np.ndarray]:
    images: list[np.ndarray] = []
    for file, name in zip(files, names, strict=True):
        with _decodable(source, name):
            image = _load(file, size)
        first = images[0] if images else image
        if image.shape[:2] != first.shape[:2]:
            raise DataError(
                f"{source}, image {name!r} is {_size(image)} and {names[0]!r} is {_size(first)}; "
                f"one size is needed, or --size WIDTHxHEIGHT."
            )
        if prod(image.shape) > MAX_FEATURES:
            raise DataError(
                f"{source}, image {name!r} has {prod(image.shape):,} numbers; at most "
                f"{MAX_FEATURES:,} are possible, so --size WIDTHxHEIGHT is needed."
            )
        images.append(image)
    return images


def _load(file: Path, size: tuple[int, int] | None) -> np.ndarray:
    """One image, upright, uint8."""
    with file.open("rb") as raw, Image.open(raw, formats=("PNG", "JPEG")) as opened:
        image = _opaque(ImageOps.exif_transpose(opened))
    return np.asarray(
        image if size is None else ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    )


def _opaque(image: Image.Image) -> Image.Image:
    """Grey or RGB of 8 bits, what is transparent on white."""
    mode = "L" if image.mode in _GREY_MODES else "RGB"
    if image.mode.startswith("I"):  # Pillow would clip 16 bits, not scale them
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        above = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
    return image.convert(mode)


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"


def _coloured(image: np.ndarray) -> np.ndarray:
    """A grey image as a coloured one."""
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)


@contextmanager
def _decodable(source: str, name: str) -> Iterator[None]:
    """Turns what Pillow says of an image into one sentence.

    Raises:
        DataError: the file is no whole PNG or JPEG image.
        DataUnavailableError: the file cannot be read.
    """
    try:
        yield
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        # Pillow's own complaints are OSErrors too, but carry no number of the system's.
        if isinstance(error, OSError) and error.errno is not None:
            raise DataUnavailableError(
                f"{source}, image {name!r} cannot be read: {error.strerror}."
            ) from None
        raise DataError(
            f"{source}, image {name!r} is damaged, empty or no PNG or JPEG; a whole one is needed."
        ) from None
