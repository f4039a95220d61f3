"""Folders of images: what becomes of sizes, colours and transparency, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.sources import ROWS, grey_images, image_folder, load, refusal

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def one_colour(colour: tuple[int, ...], side: int = 4) -> np.ndarray:
    return np.full((side, side, len(colour)), colour, dtype=np.uint8)


def test_grey_images_become_rows_of_pixels_in_the_order_of_their_names(tmp_path: Path) -> None:
    images = grey_images()

    dataset = load(image_folder(tmp_path / "photos", images))

    assert np.array_equal(dataset.x, images)
    assert dataset.x.dtype == np.uint8
    assert (dataset.source, dataset.default_name) == ("photos", "photos")
    assert {(f.kind, f.levels, f.likelihood) for f in dataset.features} == {
        ("pixel", 256, "discretized_logistic")
    }


def test_one_coloured_image_makes_all_coloured(tmp_path: Path) -> None:
    images = [*grey_images(), one_colour((9, 8, 7))]

    dataset = load(image_folder(tmp_path, images))

    assert dataset.event_shape == (4, 4, 3)
    assert np.array_equal(dataset.x[0, :, :, 2], images[0])
    assert dataset.x[-1, 0, 0].tolist() == [9, 8, 7]


def test_images_in_folders_of_folders_are_found(tmp_path: Path) -> None:
    image_folder(tmp_path / "cats", grey_images(12))
    image_folder(tmp_path / "dogs" / "small", grey_images(12))

    assert load(tmp_path).x.shape == (24, 4, 4)


def test_an_asked_for_size_is_width_first(tmp_path: Path) -> None:
    assert load(image_folder(tmp_path, grey_images(side=9)), size="6x3").event_shape == (3, 6)


def test_resizing_keeps_proportions_and_cuts_around_the_centre(tmp_path: Path) -> None:
    wide = np.zeros((4, 12), dtype=np.uint8)
    wide[:, 4:8] = 255

    assert (load(image_folder(tmp_path, [wide] * ROWS), size="4x4").x == 255).all()


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    images = [one_colour((*BLACK, 0))] * 12 + [one_colour((*BLACK, 255))] * 12

    x = load(image_folder(tmp_path, images)).x

    assert x[0, 0, 0].tolist() == list(WHITE)
    assert x[-1, 0, 0].tolist() == list(BLACK)


def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path) -> None:
    images = [np.full((4, 4), 0x80FF, dtype=np.uint16)] * ROWS

    assert (load(image_folder(tmp_path, images)).x == 0x80).all()


def test_a_photo_is_turned_upright(tmp_path: Path) -> None:
    sideways = Image.new("L", (8, 4))
    sideways.getexif()[0x0112] = 6
    for i in range(ROWS):
        sideways.save(tmp_path / f"{i}.jpg", exif=sideways.getexif())

    assert load(tmp_path).event_shape == (8, 4)


def test_hidden_files_are_skipped_and_counted(tmp_path: Path) -> None:
    image_folder(tmp_path / "photos", grey_images())
    for name in (".DS_Store", "Thumbs.db", ".trash/old.png"):
        (tmp_path / "photos" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(b"x")

    assert load(tmp_path / "photos").notes == ("photos: 3 hidden files were skipped.",)


def test_another_kind_of_file_is_named(tmp_path: Path) -> None:
    image_folder(tmp_path / "photos", grey_images())
    (tmp_path / "photos" / "notes.txt").write_text("x")

    assert refusal(tmp_path / "photos") == (
        "photos holds 'notes.txt', which is no PNG or JPEG; a folder of such images is needed."
    )


@pytest.mark.parametrize("size", [0, 1, 60])
def test_a_damaged_image_is_named(tmp_path: Path, size: int) -> None:
    image_folder(tmp_path / "photos", grey_images(side=16))
    damaged = tmp_path / "photos" / "003.png"
    damaged.write_bytes(damaged.read_bytes()[:size])

    assert "photos, image '003.png' is damaged, empty or no PNG or JPEG" in refusal(
        tmp_path / "photos"
    )


def test_different_sizes_need_a_size(tmp_path: Path) -> None:
    images = [*grey_images(), *grey_images(1, side=5)]
    folder = image_folder(tmp_path / "photos", images)

    assert refusal(folder) == (
        "photos, image '024.png' is 5x5 and '000.png' is 4x4; "
        "one size is needed, or --size WIDTHxHEIGHT."
    )
    assert load(folder, size="4x4").x.shape == (25, 4, 4)


def test_large_images_need_a_size(tmp_path: Path) -> None:
    folder = image_folder(tmp_path, grey_images(side=257))

    assert "has 66,049 numbers; at most 65,536 are possible" in refusal(folder)


def test_too_few_images_are_counted(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "photos", grey_images(3))

    assert refusal(folder) == "photos has 3 images; at least 20 are needed."


def test_a_bad_pixel_is_named_by_its_image(tmp_path: Path) -> None:
    message = refusal(image_folder(tmp_path / "photos", grey_images()), likelihood="bernoulli")

    assert message.startswith("photos, image '000.png', feature 'x[0,0]': ")
