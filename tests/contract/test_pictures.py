"""Answers as pictures: every image where it belongs, as bright as its values say."""

import io
from collections.abc import Iterator
from math import ceil, isqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from model_store import schema
from model_store.build import build_vae
from model_store.checkpoint import Checkpoint
from model_store.store import FolderStore
from tests.builders import checkpoint_of, named_checkpoint, small_checkpoint
from tests.models import KINDS, features
from tests.service import Service, refused, serving

PNG = "image/png"
QUESTIONS = ("decode", "sample", "reconstruct", "interpolate")
# Height, width and colours of each event shape.
SHAPES = {
    (5, 4): (5, 4, False),
    (5, 4, 1): (5, 4, False),
    (1, 5, 4): (5, 4, False),
    (5, 4, 3): (5, 4, True),
    (3, 5, 4): (5, 4, True),
    (3, 4, 3): (3, 4, True),
    (70, 2): (70, 2, False),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = FolderStore(tmp_path_factory.mktemp("store"))
    for kind in KINDS:
        store.publish(kind, small_checkpoint(kind))
    for shape in SHAPES:
        store.publish(name_of(shape), levels_checkpoint(shape))
    store.publish("bits", bits_checkpoint())
    store.publish("table", named_checkpoint())
    with serving(store.root) as service:
        yield service


def name_of(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def levels_checkpoint(shape: tuple[int, ...]) -> Checkpoint:
    """Images of ten levels, of weights that make them lively."""
    count = int(np.prod(shape))
    pixels = tuple(
        feature.model_copy(update={"kind": "pixel", "levels": 10}) for feature in features(count)
    )
    model = schema.ModelSchema(
        event_shape=shape,
        latent_dim=2,
        features=pixels,
        likelihood=schema.DiscretizedLogistic(levels=(10,) * count),
    )
    vae = build_vae(model)
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(0))
    return checkpoint_of(model, vae)


def bits_checkpoint() -> Checkpoint:
    checkpoint = small_checkpoint("bernoulli")
    model = checkpoint.document.model
    bits = tuple(feature.model_copy(update={"kind": "binary"}) for feature in model.features)
    changed = {"model": model.model_copy(update={"features": bits})}
    return Checkpoint(checkpoint.document.model_copy(update=changed), checkpoint.tensors)


def picture(service: Service, question: str, model: str, **body: object) -> np.ndarray:
    response = service.post(f"/v1/models/{model}/{question}", dict(body), Accept=PNG)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == PNG
    assert response.headers["x-model"] == f"{model}@1"
    with Image.open(io.BytesIO(response.content), formats=["PNG"]) as found:
        return np.asarray(found)


@pytest.mark.parametrize("shape", SHAPES, ids=name_of)
def test_every_sample_is_in_its_place_and_as_bright_as_its_levels(
    service: Service, shape: tuple[int, ...]
) -> None:
    height, width, coloured = SHAPES[shape]
    k = ceil(64 / max(height, width))
    samples = service.ask("sample", name_of(shape), num_samples=5)["samples"]

    shown = picture(service, "sample", name_of(shape), num_samples=5)

    images = np.array(samples)
    if shape in {(1, 5, 4), (3, 5, 4)}:
        images = images.transpose(0, 2, 3, 1)
    images = images.reshape(5, height, width, -1).repeat(k, axis=1).repeat(k, axis=2)
    expected = np.full((2 * height * k + 2, 3 * width * k + 4, 3 if coloured else 1), 128)
    for i, image in enumerate(images):
        top, left = i // 3 * (height * k + 2), i % 3 * (width * k + 2)
        place = np.s_[top : top + height * k, left : left + width * k]
        expected[place] = np.round(image * 255 / 9)
    assert (shown == (expected if coloured else expected[..., 0])).all()


def test_interpolations_and_draws_stand_in_lines_of_their_own(service: Service) -> None:
    zeros = np.zeros((3, 5, 4)).tolist()

    between = picture(service, "interpolate", "5x4", start=zeros, end=zeros, steps=7)
    drawn = picture(service, "decode", "5x4", latents=[[0, 0]] * 3, num_samples=6)
    means = picture(service, "decode", "5x4", latents=[[0, 0]] * 3)

    assert between.shape == drawn.shape == (3 * (65 + 2) - 2, 7 * (52 + 2) - 2)
    assert means.shape == (2 * (65 + 2) - 2, 2 * (52 + 2) - 2)
    assert (drawn[:65, :52] == means[:65, :52]).all()


def test_bits_are_black_and_white(service: Service) -> None:
    shown = picture(service, "sample", "bits", num_samples=50)

    assert set(np.unique(shown)) == {0, 128, 255}


def test_a_model_of_real_images_uses_the_whole_scale(service: Service) -> None:
    shown = picture(service, "sample", "gaussian", num_samples=64, seed=5)

    assert 0 < (shown == 0).mean() < 0.05
    assert 0 < (shown == 255).mean() < 0.05


@pytest.mark.parametrize("question", QUESTIONS)
def test_tables_have_no_pictures(service: Service, question: str) -> None:
    refused(service.post(f"/v1/models/table/{question}", {}, Accept=PNG), 406)


@pytest.mark.parametrize("question", ["elbo", "log-likelihood", "encode", "impute"])
def test_other_questions_have_no_pictures(service: Service, question: str) -> None:
    refused(service.post(f"/v1/models/gaussian/{question}", {}, Accept=PNG), 406)


def test_a_picture_too_large_for_the_server_is_413(tmp_path: Path) -> None:
    FolderStore(tmp_path).publish("m", levels_checkpoint((5, 4, 3)))
    largest = (2 * 54 - 2) * (2 * 67 - 2) * 3

    with serving(tmp_path, max_elements=largest) as service:
        four, five = (
            service.post("/v1/models/m/sample", {"num_samples": n}, Accept=PNG) for n in (4, 5)
        )

    assert four.status_code == 200
    assert refused(five, 413)["detail"].startswith("The picture has 160 x 132 pixels of 3 numbers;")


@settings(deadline=None, max_examples=150)
@given(
    model=st.sampled_from([*KINDS, *map(name_of, SHAPES)]),
    body=st.fixed_dictionaries(
        {"num_samples": st.integers(0, 40), "seed": st.integers(0, 2**63)},
        optional={
            "temperature": st.floats(0, 1e30) | st.just(1e300),
            "observation_noise": st.booleans(),
        },
    ),
)
def test_any_sample_is_a_picture_of_the_documented_size_or_a_problem(
    service: Service, model: str, body: dict[str, float]
) -> None:
    response = service.post(f"/v1/models/{model}/sample", body, Accept=PNG)

    if response.status_code != 200:
        refused(response, response.status_code)
        return
    height, width, _ = SHAPES.get(shape_of(model), (2, 3, False))
    k, columns = ceil(64 / max(height, width)), isqrt(int(body["num_samples"]) - 1) + 1
    lines = ceil(body["num_samples"] / columns)
    with Image.open(io.BytesIO(response.content)) as shown:
        assert shown.size == (columns * (width * k + 2) - 2, lines * (height * k + 2) - 2)
        shown.load()


def shape_of(model: str) -> tuple[int, ...]:
    return tuple(map(int, model.split("x"))) if model[0].isdigit() else ()
