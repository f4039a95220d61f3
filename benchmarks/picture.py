"""Draw held-out digits, their reconstructions and samples, as the running demo service sees them.

make serve &
python -m benchmarks.picture --url http://127.0.0.1:8000 --out docs/digits.png
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from app.client import VaeClient
from training.config import TrainingConfig
from training.data import load_dataset, split_for

COLUMNS, SAMPLE_ROWS, PIXEL, GAP, LABEL, TOP_LEVEL = 12, 3, 6, 4, 130, 16


def main() -> None:
    """Writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--out", type=Path, default=Path("docs/digits.png"))
    arguments = parser.parse_args()
    digits = VaeClient(arguments.url).model("digits")
    held_out = _held_out()[:COLUMNS]
    samples = digits.sample(num_samples=COLUMNS * SAMPLE_ROWS, observation_noise=False).samples
    lines = {"held-out digits": held_out, "reconstructions": digits.reconstruct(held_out).outputs}
    for i, line in enumerate(samples.reshape(SAMPLE_ROWS, COLUMNS, 8, 8)):
        lines["samples" if i == 0 else " " * i] = line
    _draw(lines).save(arguments.out, optimize=True)


def _held_out() -> np.ndarray:
    config = TrainingConfig(source="digits")
    split = split_for(load_dataset(config), config)
    return split.test


def _draw(lines: dict[str, np.ndarray]) -> Image.Image:
    """One line of images for each label, dark on light."""
    step = 8 * PIXEL + GAP
    picture = Image.new("L", (LABEL + COLUMNS * step + GAP, len(lines) * step + GAP), 255)
    draw = ImageDraw.Draw(picture)
    for i, (label, images) in enumerate(lines.items()):
        top = GAP + i * step
        draw.text((GAP, top + 3 * PIXEL), label, fill=0, font_size=14)
        for j, image in enumerate(images):
            grey = (255 * (1 - np.asarray(image) / TOP_LEVEL)).clip(0, 255).astype(np.uint8)
            tile = Image.fromarray(grey).resize((8 * PIXEL, 8 * PIXEL), Image.Resampling.NEAREST)
            picture.paste(tile, (LABEL + j * step, top))
    return picture


if __name__ == "__main__":
    main()
