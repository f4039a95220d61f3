"""`anomaly` as a picture: red where a pixel adds more to the score than is typical."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from app.schemas.heat_maps import STRONGEST_NATS, colours_of
from model_store.store import FolderStore
from tests.builders import calibrated_checkpoint, calibrated_table
from tests.models import random_rows
from tests.service import Service, refused, serving

PNG = "image/png"
ROWS = random_rows("gaussian", 5, seed=3).numpy()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = FolderStore(tmp_path_factory.mktemp("store"))
    store.publish("gaussian", calibrated_checkpoint())
    store.publish("table", calibrated_table())
    with serving(store.root) as service:
        yield service


def heat_map(service: Service, rows: np.ndarray) -> np.ndarray:
    body = {"inputs": rows.tolist()}
    response = service.post("/v1/models/gaussian/anomaly", body, Accept=PNG)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == PNG
    assert response.headers["x-model"] == "gaussian@1"
    with Image.open(io.BytesIO(response.content), formats=["PNG"]) as found:
        return np.asarray(found).astype(int)


def test_every_row_has_an_image_with_the_colours_of_its_contributions(service: Service) -> None:
    shown = heat_map(service, ROWS)

    answer = service.ask("anomaly", inputs=ROWS.tolist(), explain=6)
    k = 22
    assert shown.shape == (2 * 2 * k + 2, 3 * 3 * k + 4, 3)
    for i, explained in enumerate(answer["explanation"]):
        nats = np.zeros((1, 6))
        for each in explained:
            nats[0, int(each["feature"][2:-1])] = each["contribution_nats"]
        top, left = i // 3 * (2 * k + 2), i % 3 * (3 * k + 2)
        image = shown[top : top + 2 * k : k, left : left + 3 * k : k]
        np.testing.assert_allclose(image.reshape(-1), colours_of(nats)[0].astype(int), atol=1)


def test_the_odd_pixel_is_the_reddest(service: Service) -> None:
    rows = ROWS[:1].copy()
    rows[0, 1, 2] += 1e5

    shown = heat_map(service, rows)

    redness = shown[..., 0] - shown[..., 2]
    assert redness[30, 60] == redness.max() > 100


def test_an_image_looks_the_same_whatever_stands_beside_it(service: Service) -> None:
    both = heat_map(service, np.concatenate([ROWS[:1], ROWS[:1] + 1e6]))

    assert (np.abs(both[:, :66] - heat_map(service, ROWS[:1])) <= 1).all()


def test_colours_diverge_around_what_is_typical() -> None:
    nats = np.array([[0.0, 1.0, STRONGEST_NATS, 1e9, -1.0, -STRONGEST_NATS, -1e9]])

    white, pale, red, redder, faint, blue, bluer = colours_of(nats).reshape(-1, 3).astype(int)

    assert len(set(white)) == 1
    assert 0 < pale[0] - pale[2] < red[0] - red[2]
    assert 0 < faint[2] - faint[0] < blue[2] - blue[0]
    assert (red == redder).all()
    assert (blue == bluer).all()


def test_tables_have_no_heat_maps(service: Service) -> None:
    refused(service.post("/v1/models/table/anomaly", {}, Accept=PNG), 406)
