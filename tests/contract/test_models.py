"""The models routes: cards, versions and aliases, and a store with bad files in it."""

from pathlib import Path

import pytest
import torch

from model_store.checkpoint import Checkpoint, digest_of
from model_store.store import FolderStore
from tests.builders import calibrated_checkpoint, small_checkpoint, small_store
from tests.service import refused, serving

ROWS = {"inputs": [[[0, 0, 0], [0, 0, 0]]]}


def test_a_card_tells_all_that_the_contract_names(tmp_path: Path) -> None:
    store = small_store(tmp_path, "digits")
    store.set_alias("digits", "canary", 1)

    with serving(tmp_path) as service:
        card = service.get("/v1/models/digits").json()

    evaluation, training = card.pop("evaluation"), card.pop("training")
    assert evaluation["elbo"] == {"value": -12.5, "standard_error": 0.25}
    assert training == {"epochs": 1, "hidden_sizes": [16, 16]}
    assert card.pop("features")[0] == {
        "name": "x[0]",
        "kind": "real",
        "likelihood": "gaussian",
        "transform": "none",
        "categories": None,
        "levels": None,
    }
    assert card == {
        "name": "digits",
        "version": 1,
        "versions": [1],
        "aliases": {"canary": 1},
        "event_shape": [2, 3],
        "latent_dim": 3,
        "likelihood": "gaussian",
        "prior": "standard_normal",
        "posterior": "diagonal",
        "kl_estimator": "analytic",
        "measure": "density",
        "calibration": None,
        "created": "2025-01-02T03:04:05Z",
    }


def test_a_card_tells_what_calibrated_the_scores(tmp_path: Path) -> None:
    FolderStore(tmp_path).publish("m", calibrated_checkpoint())

    with serving(tmp_path) as service:
        card = service.get("/v1/models/m").json()

    assert card["calibration"] == {
        "rows": 99,
        "smallest_rate": 0.01,
        "scores": [
            "combined",
            "elbo",
            "log_likelihood",
            "reconstruction",
            "latent",
            "typicality",
        ],
        "num_samples": 4,
        "seed": 0,
        "source": "more noise",
        "created": "2025-01-02T03:04:05Z",
    }


def test_the_list_holds_the_card_of_every_model(tmp_path: Path) -> None:
    small_store(tmp_path, "b", "a")

    with serving(tmp_path) as service:
        listed = service.get("/v1/models").json()
        cards = [service.get(f"/v1/models/{name}").json() for name in ("a", "b")]

    assert listed == {"models": cards, "broken": []}


def test_a_bare_name_is_the_newest_version(tmp_path: Path) -> None:
    small_store(tmp_path, "m", "m", "m")

    with serving(tmp_path) as service:
        assert service.ask("elbo", "m", **ROWS)["model"]["version"] == 3


def test_a_bare_name_is_the_stable_version_if_there_is_one(tmp_path: Path) -> None:
    small_store(tmp_path, "m", "m").set_alias("m", "stable", 1)

    with serving(tmp_path) as service:
        assert service.ask("elbo", "m", **ROWS)["model"]["version"] == 1


@pytest.mark.parametrize(("reference", "version"), [("m@2", 2), ("m@old", 1), ("m@3", 3)])
def test_versions_and_aliases_can_be_asked_for(
    tmp_path: Path, reference: str, version: int
) -> None:
    small_store(tmp_path, "m", "m", "m").set_alias("m", "old", 1)

    with serving(tmp_path) as service:
        answer = service.ask("elbo", reference, **ROWS)

    assert answer["model"] == {"name": "m", "version": version}


def test_versions_answer_for_themselves(tmp_path: Path) -> None:
    store = small_store(tmp_path, "m")
    store.publish("m", small_checkpoint(seed=1))

    with serving(tmp_path) as service:
        first, second = (service.ask("elbo", f"m@{v}", **ROWS)["elbo"] for v in (1, 2))

    assert first != second


@pytest.mark.parametrize(
    "reference",
    ["n", "m@2", "m@0", "m@-1", "m@none", "m@", "@1", "-m", "m@1@1", "%ff%00", "a" * 99],
)
def test_what_is_not_in_the_store_is_404(tmp_path: Path, reference: str) -> None:
    small_store(tmp_path, "m")

    with serving(tmp_path) as service:
        responses = [
            service.get(f"/v1/models/{reference}"),
            service.post(f"/v1/models/{reference}/elbo", ROWS),
        ]

    for response in responses:
        assert refused(response, 404)["type"].endswith("no-such-model")


def test_a_question_that_does_not_exist_is_404(tmp_path: Path) -> None:
    small_store(tmp_path, "m")

    with serving(tmp_path) as service:
        problem = refused(service.post("/v1/models/m/nothing", ROWS), 404)

    assert problem["type"].endswith("no-such-route")


def test_a_corrupt_version_is_503_and_says_why(tmp_path: Path) -> None:
    store = small_store(tmp_path, "m", "m")
    damage(store.path_of("m", 1))

    with serving(tmp_path) as service:
        problem = refused(service.post("/v1/models/m@1/elbo", ROWS), 503)

    assert problem["detail"].startswith("m@1 cannot be served: ")
    assert str(tmp_path) not in problem["detail"]


def test_a_corrupt_newest_version_leaves_the_one_before_to_answer(tmp_path: Path) -> None:
    store = small_store(tmp_path, "m", "m")
    damage(store.path_of("m", 2))

    with serving(tmp_path) as service:
        answer = service.ask("elbo", "m", **ROWS)
        card = service.get("/v1/models/m").json()

    assert answer["model"]["version"] == 1
    assert card["versions"] == [1]


def test_a_corrupt_stable_version_is_replaced_by_nothing(tmp_path: Path) -> None:
    store = small_store(tmp_path, "m", "m")
    store.set_alias("m", "stable", 2)
    damage(store.path_of("m", 2))

    with serving(tmp_path) as service:
        refused(service.post("/v1/models/m/elbo", ROWS), 503)


def test_bad_files_are_listed_with_reasons_and_the_others_are_served(tmp_path: Path) -> None:
    store = small_store(tmp_path, "good", "corrupt", "foreign", "cut")
    damage(store.path_of("corrupt", 1))
    store.path_of("foreign", 1).write_bytes(b"PK\x03\x04 something else")
    cut = store.path_of("cut", 1)
    cut.write_bytes(cut.read_bytes()[:-100])

    with serving(tmp_path) as service:
        listed = service.get("/v1/models").json()

    assert [card["name"] for card in listed["models"]] == ["good"]
    assert [(b["name"], b["version"]) for b in listed["broken"]] == [
        ("corrupt", 1),
        ("cut", 1),
        ("foreign", 1),
    ]
    assert all(broken["reason"].endswith(".") for broken in listed["broken"])


def test_a_bad_version_nobody_asked_for_is_listed_too(tmp_path: Path) -> None:
    store = small_store(tmp_path, "m", "m")
    damage(store.path_of("m", 1))

    with serving(tmp_path) as service:
        broken = service.get("/v1/models").json()["broken"]

    assert [(b["name"], b["version"]) for b in broken] == [("m", 1)]


def test_a_file_that_is_no_version_is_listed_without_one(tmp_path: Path) -> None:
    small_store(tmp_path, "m")
    (tmp_path / "m" / "draft.safetensors").write_bytes(b"")

    with serving(tmp_path) as service:
        broken = service.get("/v1/models").json()["broken"]

    assert [(b["name"], b["version"]) for b in broken] == [("m", None)]


def test_a_model_that_cannot_answer_for_any_row_is_broken(tmp_path: Path) -> None:
    store = small_store(tmp_path, "good")
    store.publish("wild", weights_that_overflow())

    with serving(tmp_path) as service:
        refused(service.post("/v1/models/wild/elbo", ROWS), 503)
        assert service.ask("elbo", "good", **ROWS)


def weights_that_overflow() -> Checkpoint:
    """A checkpoint in good order that overflows on every row."""
    good = small_checkpoint()
    tensors = {name: torch.full_like(t, 1e38) for name, t in good.tensors.items()}
    document = good.document.model_copy(update={"digest": digest_of(tensors)})
    return Checkpoint(document, tensors)


def damage(path: Path) -> None:
    """Turn one bit of the last tensor."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
