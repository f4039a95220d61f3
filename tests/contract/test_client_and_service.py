"""The client against the real service, in one process."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
import pytest

from app.client import (
    AsyncModel,
    AsyncVaeClient,
    NotCalibratedError,
    NotFoundError,
    RequestRefusedError,
)
from app.main import create_app
from app.settings import Settings
from tests.builders import calibrated_checkpoint, calibrated_table, small_store
from tests.models import random_rows

Answer = TypeVar("Answer")
ROWS = random_rows("gaussian", 5).numpy()
RECORD = {"age": 1.5, "member": 1, "colour": "red", "visits": 3, "gap": -0.5, "job": "cook"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    store = small_store(root)
    store.publish("pumps", calibrated_checkpoint())
    store.publish("table", calibrated_table())
    return root


def asked(store: Path, ask: Callable[[AsyncVaeClient], Coroutine[Any, Any, Answer]]) -> Answer:
    """What a service of this store answers."""

    async def run() -> Answer:
        app = create_app(Settings(store=store))
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app=app)
            async with AsyncVaeClient("http://service", transport=transport) as client:
                while not await client.ready():
                    await asyncio.sleep(0.01)
                return await ask(client)

    return asyncio.run(run())


QUESTIONS: list[tuple[Callable[[AsyncModel], Coroutine[Any, Any, Any]], str, tuple[int, ...]]] = [
    (lambda model: model.encode(ROWS, num_samples=2), "samples", (5, 2, 3)),
    (lambda model: model.decode(np.zeros((4, 3))), "outputs", (4, 2, 3)),
    (lambda model: model.sample(num_samples=7), "samples", (7, 2, 3)),
    (lambda model: model.reconstruct(ROWS), "outputs", (5, 2, 3)),
    (lambda model: model.elbo(ROWS, per_feature=True), "per_feature", (5, 2, 3)),
    (lambda model: model.log_likelihood(ROWS, num_samples=8), "log_likelihood", (5,)),
    (lambda model: model.anomaly(ROWS), "p_value", (5,)),
    (lambda model: model.interpolate(ROWS, ROWS[::-1], steps=4), "outputs", (5, 4, 2, 3)),
]


@pytest.mark.parametrize(("ask", "name", "shape"), QUESTIONS)
def test_every_question_is_answered_with_arrays(
    store: Path,
    ask: Callable[[AsyncModel], Coroutine[Any, Any, Any]],
    name: str,
    shape: tuple[int, ...],
) -> None:
    answer = asked(store, lambda client: ask(client.model("pumps")))

    assert getattr(answer, name).shape == shape
    assert (answer.model.name, answer.model.version) == ("pumps", 1)


def test_records_are_answered_like_the_same_rows_in_arrays(store: Path) -> None:
    by_name = asked(store, lambda client: client.model("table").elbo(records=[RECORD]))
    in_order = asked(store, lambda client: client.model("table").elbo([[1.5, 1, 2, 3, -0.5, 0]]))

    np.testing.assert_array_equal(by_name.elbo, in_order.elbo)


def test_a_single_sample_has_no_standard_error(store: Path) -> None:
    answer = asked(store, lambda client: client.model("pumps").elbo(ROWS, num_samples=1))

    assert answer.standard_error is None


def test_diagnostics_are_arrays_that_can_be_used_as_they_are(store: Path) -> None:
    answer = asked(store, lambda client: client.model("pumps").log_likelihood(ROWS, num_samples=8))

    assert np.isnan(answer.pareto_k).all()
    assert answer.log_likelihood[answer.reliable].shape == (0,)


def test_with_a_target_the_samples_are_those_of_each_row(store: Path) -> None:
    answer = asked(
        store,
        lambda client: client.model("pumps").log_likelihood(
            ROWS, num_samples=8, target_standard_error=0.1, max_samples=100
        ),
    )

    assert isinstance(answer.num_samples, np.ndarray)
    assert ((answer.standard_error <= 0.1) | (answer.num_samples == 100)).all()


def test_a_better_proposal_can_be_asked_for(store: Path) -> None:
    plain, refined = (
        asked(store, lambda client, n=n: client.model("pumps").log_likelihood(ROWS, refine=n))
        for n in (0, 10)
    )

    assert refined.effective_sample_size.mean() > plain.effective_sample_size.mean()


def test_a_card_says_what_the_model_is(store: Path) -> None:
    card = asked(store, lambda client: client.model("pumps").card())

    assert (card.name, card.event_shape, card.latent_dim) == ("pumps", [2, 3], 3)


def test_the_list_of_models_holds_the_same_cards(store: Path) -> None:
    cards = asked(store, lambda client: client.models())

    assert [card.name for card in cards] == ["pumps", "table"]


def test_an_unknown_model_is_not_found(store: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        asked(store, lambda client: client.model("valves").card())

    assert caught.value.request_id


def test_a_refused_row_is_named(store: Path) -> None:
    with pytest.raises(RequestRefusedError) as caught:
        asked(store, lambda client: client.model("pumps").elbo([[1.0, 2.0]]))

    assert "inputs" in caught.value.errors[0].location


def test_a_picture_is_the_bytes_of_a_png_file(store: Path) -> None:
    picture = asked(store, lambda c: c.model("pumps").picture("interpolate", start=ROWS, end=ROWS))

    assert picture.startswith(b"\x89PNG\r\n")


def test_anomalies_come_with_p_values_and_reasons(store: Path) -> None:
    answer = asked(
        store,
        lambda client: client.model("table").anomaly(
            records=[RECORD | {"visits": 0}, RECORD | {"visits": 90}],
            score="all",
            false_positive_rate=0.01,
            explain=2,
        ),
    )

    assert answer.is_anomaly.tolist() == [False, True]
    assert answer.p_values is not None
    np.testing.assert_array_equal(answer.p_values["combined"], answer.p_value)
    assert answer.explanation is not None
    assert answer.explanation[1][0]["feature"] == "visits"


def test_a_heat_map_is_a_picture(store: Path) -> None:
    content = asked(store, lambda client: client.model("pumps").picture("anomaly", inputs=ROWS))

    assert content.startswith(b"\x89PNG")


def test_a_model_without_calibration_says_what_to_run(tmp_path: Path) -> None:
    small_store(tmp_path, "pumps")

    with pytest.raises(NotCalibratedError, match="vae-store calibrate pumps"):
        asked(tmp_path, lambda client: client.model("pumps").anomaly(ROWS))
