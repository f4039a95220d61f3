"""64 clients at once: whatever waits together, everybody gets what they would get alone."""

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import small_checkpoint, small_store
from tests.media import JSON, SAFETENSORS, Medium
from tests.models import random_rows
from tests.service import Service, refused, serving

CLIENTS = 64
KINDS = ("gaussian", "discretized_logistic", "mixed")
ROWS = {kind: random_rows(kind, 40).tolist() for kind in KINDS}
# Refused by the model itself, which is asked about all rows that wait together.
BAD = {
    "gaussian": [[0, 0, 0], [0, 0, 1e300]],
    "discretized_logistic": [[0, 0, 0], [0, 0.5, 0]],
    "mixed": [0, 0.5, 0, 0, 0, 0],
}
OPTIONS: dict[str, dict[str, list[object]]] = {
    "elbo": {"num_samples": [1, 2, 16], "per_feature": [False, True], "per_latent": [False, True]},
    "log-likelihood": {
        "num_samples": [1, 30],
        "refine": [0, 1],
        "target_standard_error": [None, 1],
    },
    "encode": {"num_samples": [0, 3]},
    "reconstruct": {"num_samples": [0, 2]},
    "impute": {"num_samples": [2, 16], "num_imputations": [0, 2]},
}

# Found from differences between importance weights, in which their rounding grows.
OF_WEIGHTS = ("pareto_k", "effective_sample_size", "standard_error")

Ask = tuple[Medium, str, str, dict[str, Any]]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"))
    for kind in KINDS:
        store.publish(kind, small_checkpoint(kind))
    with serving(store.root, compute_threads=2) as service:
        yield service


def ask_of(chance: Random) -> Ask:
    """A question to one of the models; few values of each option, so that many are asked alike."""
    kind, question = chance.choice(KINDS), chance.choice(sorted(OPTIONS))
    options = {name: chance.choice(values) for name, values in OPTIONS[question].items()}
    rows = chance.choices(ROWS[kind], k=chance.randint(1, 3))
    if chance.random() < 1 / 8:
        rows.insert(chance.randint(0, len(rows)), BAD[kind])
    body = {"inputs": rows, "seed": chance.randint(0, 1), **options}
    return chance.choice([JSON, SAFETENSORS]), question, kind, body


def assert_close(together: Any, alone: Any, path: str) -> None:  # noqa: ANN401 - any JSON value
    """Numbers to rounding, everything else exactly."""
    if isinstance(alone, dict):
        assert together.keys() == alone.keys(), path
        for name, value in alone.items():
            assert_close(together[name], value, f"{path}.{name}")
    elif isinstance(alone, list):
        ours, theirs = np.array(together, dtype=float), np.array(alone, dtype=float)
        # Where a mean is subtracted, a value may be anything small beside the others.
        largest = np.abs(theirs).max(initial=1, where=np.isfinite(theirs))
        rounding = 1e-3 if path.endswith(OF_WEIGHTS) else 1e-5
        np.testing.assert_allclose(ours, theirs, rounding, rounding * largest, err_msg=path)
    else:
        assert together == alone, path


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**32))
def test_everybody_gets_what_they_would_get_alone(service: Service, seed: int) -> None:
    chance = Random(seed)
    asked = [ask_of(chance) for _ in range(CLIENTS)]

    async def at_once() -> list[httpx.Response]:
        return await asyncio.gather(*[service.speaking(a[0]).sent(*a[1:]) for a in asked])

    responses = service.portal.call(at_once)

    for (medium, question, kind, body), response in zip(asked, responses, strict=True):
        alone = service.speaking(medium).put(question, kind, **body)
        if BAD[kind] in body["inputs"]:
            problem = refused(response, 422)
            assert problem == refused(alone, 422) | {"request_id": problem["request_id"]}
        else:
            assert response.status_code == alone.status_code == 200
            assert_close(medium.read(response.content), medium.read(alone.content), question)
