"""`docs/checkpoint-format.md` is enough to write a checkpoint, and says what the code does."""

import hashlib
import json
import math
import struct
from pathlib import Path

import pytest
import torch

from model_store.checkpoint import read_checkpoint
from model_store.header import (
    DIGEST_KEY,
    MAX_HEADER_BYTES,
    MAX_TENSORS,
    METADATA_KEY,
    data_start,
)
from model_store.references import MAX_VERSION
from model_store.strict_json import MAX_DEPTH, MAX_KEYS
from model_store.vae.estimators import estimate_elbo
from model_store.vae.likelihoods.continuous_bernoulli import LOGIT_LIMIT
from model_store.vae.likelihoods.discretized_logistic import LOG_SCALE_RANGE
from model_store.vae.likelihoods.negative_binomial import LOG_DISPERSION_RANGE
from model_store.vae.likelihoods.poisson import LOG_RATE_RANGE
from model_store.vae.likelihoods.student_t import DF_LIMIT
from model_store.vae.posteriors import LOG_VARIANCE_RANGE
from tests.builders import calibrated_checkpoint
from tests.models import KINDS

PAGE = (Path(__file__).parents[3] / "docs" / "checkpoint-format.md").read_text()

# x = W z + b + s * noise, with one latent: log p(x) is known, and so is the posterior.
W, B, S = (0.8, -1.5), (10.0, -20.0), 0.5
M = W[0] ** 2 + W[1] ** 2 + S**2


def _written_from_the_page() -> bytes:
    """A linear VAE with its exact posterior, by a writer that knows the page and no library."""
    tensors: dict[str, tuple[str, list[int], list[float]]] = {
        "transform.shift": ("F64", [2], list(B)),
        "transform.scale": ("F64", [2], [1.0, 1.0]),
        "encoder.output.weight": ("F32", [2, 2], [W[0] / M, W[1] / M, 0.0, 0.0]),
        "encoder.output.bias": ("F32", [2], [0.0, math.log(S**2 / M)]),
        "decoder.output.weight": ("F32", [2, 1], list(W)),
        "decoder.output.bias": ("F32", [2], [0.0, 0.0]),
        "head.raw_log_scale": ("F32", [2], [math.log(S)] * 2),
    }
    data, header = b"", {}
    for name, (dtype, shape, values) in tensors.items():
        elements = struct.pack(f"<{len(values)}{'d' if dtype == 'F64' else 'f'}", *values)
        offsets = [len(data), len(data) + len(elements)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        data += elements
    text = json.dumps(_description(hashlib.sha256(data).hexdigest()), ensure_ascii=False)
    header["__metadata__"] = {
        "vae-checkpoint/1": text,
        "vae-checkpoint-sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    front = json.dumps(header, ensure_ascii=False).encode()
    front += b" " * (-len(front) % 8)
    return struct.pack("<Q", len(front)) + front + data


def _description(digest: str) -> dict[str, object]:
    estimate = {"value": -3.0, "standard_error": 0.1}
    questions = ["elbo", "log_likelihood", "reconstruction", "kl_divergence"]
    return {
        "format_version": 1,
        "model": {
            "event_shape": [2],
            "latent_dim": 1,
            "features": [
                {"name": "Länge", "kind": "real", "likelihood": "gaussian"},
                {"name": "Gewicht", "kind": "real", "likelihood": "gaussian"},
            ],
            "likelihood": {"name": "gaussian", "scale": "fixed"},
            "encoder": {},
            "decoder": {},
        },
        "objective": "elbo",
        "seed": 0,
        "training": {},
        "data": {"source": "a page", "train_rows": 80, "validation_rows": 10, "test_rows": 10},
        "evaluation": {
            "rows": 10,
            "num_samples": 1,
            **dict.fromkeys(questions, estimate),
            "bits_per_dim": 2.0,
            "active_units": 1,
            "kl_per_latent": [1.0],
        },
        "libraries": {},
        "created": "2025-01-02T03:04:05+01:00",
        "digest": digest,
    }


def test_a_checkpoint_written_from_the_page_is_served_with_the_right_numbers() -> None:
    row = (10.7, -21.1)
    r = torch.tensor([row[0] - B[0], row[1] - B[1]], dtype=torch.float64)
    w = torch.tensor(W, dtype=torch.float64)
    covariance = torch.outer(w, w) + S**2 * torch.eye(2, dtype=torch.float64)

    vae = read_checkpoint(_written_from_the_page()).build()
    estimate = estimate_elbo(vae, torch.tensor([row], dtype=torch.float64), num_samples=3, seed=0)

    exact = -0.5 * (r @ covariance.inverse() @ r + torch.logdet(2 * math.pi * covariance))
    assert estimate.elbo.item() == pytest.approx(exact.item(), abs=1e-5)


def test_the_page_says_how_the_code_names_its_metadata() -> None:
    assert f"`{METADATA_KEY}`" in PAGE
    assert f"`{DIGEST_KEY}`" in PAGE


@pytest.mark.parametrize(
    "limit",
    [
        f"within {MAX_HEADER_BYTES // 2**20} MiB",
        f"at most {MAX_TENSORS:,} tensors",
        f"more than {MAX_KEYS:,} keys",
        f"at most {MAX_DEPTH} deep",
        f"from 1 to {MAX_VERSION:,}",
        f"clamped to [{LOG_VARIANCE_RANGE[0]:g}, {LOG_VARIANCE_RANGE[1]:g}]",
        f"clamped to [{LOG_RATE_RANGE[0]:g}, {LOG_RATE_RANGE[1]:g}]",
        f"{DF_LIMIT:g}^sigmoid(`raw_df`)",
        f"l = {LOGIT_LIMIT:g} tanh(r / {LOGIT_LIMIT:g})",
        f"clamped to [e^{LOG_DISPERSION_RANGE[0]:g}, e^{LOG_DISPERSION_RANGE[1]:g}]",
        f"clamped to [{LOG_SCALE_RANGE[0]:g}, {LOG_SCALE_RANGE[1]:g}]",
    ],
)
def test_the_page_has_the_limits_of_the_code(limit: str) -> None:
    assert limit in " ".join(PAGE.split())


def _keys(value: object) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_keys, value))
    if isinstance(value, dict):
        return value.keys() | set().union(*map(_keys, value.values()))
    return set()


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_names_every_field_of_a_description(kind: str) -> None:
    document = calibrated_checkpoint(kind).document.model_dump(mode="json")
    free = {"training", "libraries"}

    fields = _keys({name: part for name, part in document.items() if name not in free})

    assert [field for field in sorted(fields | free) if f"`{field}`" not in PAGE] == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_explains_every_tensor(kind: str) -> None:
    content = calibrated_checkpoint(kind).to_bytes()
    header = json.loads(content[8 : data_start(content)])

    last_words = {name.split(".")[-1] for name in header if name != "__metadata__"}

    assert [word for word in sorted(last_words) if word not in PAGE] == []
