"""Every question of the contract, in each medium: what a 200 body has, and how its parts agree."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.builders import small_checkpoint, small_store
from tests.media import JSON, SAFETENSORS, Medium
from tests.models import EVENT_SHAPE, KINDS, random_rows
from tests.service import Service, serving

ROWS = random_rows("gaussian", 5).tolist()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = small_store(tmp_path_factory.mktemp("store"), "gaussian")
    for kind in KINDS:
        store.publish(f"kind-{kind}", small_checkpoint(kind))
    with serving(store.root) as service:
        yield service


@pytest.fixture(params=[JSON, SAFETENSORS], ids=lambda medium: medium.media_type)
def service(running: Service, request: pytest.FixtureRequest) -> Service:
    medium: Medium = request.param
    return running.speaking(medium)


def shape(values: Any) -> tuple[int, ...]:  # noqa: ANN401 - nested lists
    return np.asarray(values, dtype=np.float64).shape


def test_an_answer_names_the_model_and_the_version_that_gave_it(service: Service) -> None:
    answer = service.ask("elbo", inputs=ROWS)

    assert answer["model"] == {"name": "gaussian", "version": 1}


def test_elbo_is_reconstruction_minus_kl_divergence(service: Service) -> None:
    answer = service.ask("elbo", inputs=ROWS)

    difference = np.subtract(answer["reconstruction"], answer["kl_divergence"])
    np.testing.assert_allclose(answer["elbo"], difference, rtol=1e-12)


def test_elbo_says_its_units_and_its_measure(service: Service) -> None:
    answer = service.ask("elbo", inputs=ROWS)

    assert (answer["units"], answer["measure"]) == ("nats", "density")


def test_elbo_of_one_sample_has_no_standard_error(service: Service) -> None:
    answer = service.ask("elbo", inputs=ROWS, num_samples=1)

    assert answer["standard_error"] is None


def test_elbo_leaves_out_parts_nobody_asked_for(service: Service) -> None:
    answer = service.ask("elbo", inputs=ROWS)

    assert not {"per_feature", "per_latent"} & answer.keys()


def test_parts_per_feature_sum_to_the_reconstruction(service: Service) -> None:
    answer = service.ask("elbo", inputs=ROWS, per_feature=True)

    assert shape(answer["per_feature"]) == (5, *EVENT_SHAPE)
    sums = np.sum(answer["per_feature"], axis=(1, 2))
    np.testing.assert_allclose(sums, answer["reconstruction"], rtol=1e-9)


def test_parts_per_latent_sum_to_the_kl_divergence(service: Service) -> None:
    answer = service.ask("elbo", inputs=ROWS, per_latent=True)

    sums = np.sum(answer["per_latent"], axis=1)
    np.testing.assert_allclose(sums, answer["kl_divergence"], rtol=1e-12)


@pytest.mark.parametrize("question", ["elbo", "encode"])
@pytest.mark.parametrize(("kind", "rows"), [("gaussian_full", 5), ("mixed_vamp_prior", 4)])
def test_answers_say_how_the_kl_was_found_and_how_well(
    service: Service, question: str, kind: str, rows: int
) -> None:
    answer = service.ask(question, f"kind-{kind}", inputs=random_rows(kind, rows).tolist())

    sampled = kind == "mixed_vamp_prior"
    assert answer["kl_estimator"] == ("monte_carlo" if sampled else "analytic")
    assert ("kl_standard_error" in answer) == sampled
    if sampled:
        assert shape(answer["kl_standard_error"]) == (rows,)


def test_a_sampled_kl_is_split_over_the_latents_without_a_rest(service: Service) -> None:
    rows = random_rows("mixed_vamp_prior", 4).tolist()

    answer = service.ask("elbo", "kind-mixed_vamp_prior", inputs=rows, per_latent=True)

    sums = np.sum(answer["per_latent"], axis=1)
    np.testing.assert_allclose(sums, answer["kl_divergence"], rtol=1e-12)


def test_log_likelihood_answers_with_every_field_of_the_contract(service: Service) -> None:
    answer = service.ask("log-likelihood", inputs=ROWS, num_samples=32)

    per_row = ("log_likelihood", "standard_error", "effective_sample_size", "bits_per_dim", "elbo")
    diagnostics = ("pareto_k", "reliable")
    assert {shape(answer[name]) for name in (*per_row, *diagnostics)} == {(5,)}
    assert answer.keys() == {*per_row, *diagnostics, "model", "num_samples", "units", "measure"}
    assert answer["num_samples"] == 32


def test_log_likelihood_is_never_below_the_elbo_of_its_samples(service: Service) -> None:
    answer = service.ask("log-likelihood", inputs=ROWS, num_samples=32)

    assert np.all(np.array(answer["log_likelihood"]) >= np.array(answer["elbo"]))


def test_log_likelihood_of_one_sample_has_no_standard_error(service: Service) -> None:
    assert service.ask("log-likelihood", inputs=ROWS, num_samples=1)["standard_error"] is None


def test_encode_gives_the_posterior_and_its_kl_divergence(service: Service) -> None:
    answer = service.ask("encode", inputs=ROWS)

    assert shape(answer["loc"]) == shape(answer["scale"]) == (5, 3)
    assert shape(answer["kl_divergence"]) == (5,)
    assert "samples" not in answer


def test_encode_draws_as_many_latents_as_asked(service: Service) -> None:
    assert shape(service.ask("encode", inputs=ROWS, num_samples=4)["samples"]) == (5, 4, 3)


def test_decode_gives_outputs_and_parameters_in_data_units(service: Service) -> None:
    answer = service.ask("decode", latents=[[0, 0, 0], [1, 1, 1]])

    assert shape(answer["outputs"]) == (2, *EVENT_SHAPE)
    assert {k: shape(v) for k, v in answer["parameters"].items()} == {
        "loc": (2, *EVENT_SHAPE),
        "scale": (2, *EVENT_SHAPE),
    }
    assert answer["parameters"]["loc"] == answer["outputs"]


def test_decode_draws_as_many_observations_as_asked(service: Service) -> None:
    answer = service.ask("decode", latents=[[0, 0, 0]], num_samples=4)

    assert shape(answer["samples"]) == (1, 4, *EVENT_SHAPE)


def test_parameters_of_a_mixed_table_stand_under_their_features(service: Service) -> None:
    answer = service.ask("decode", "kind-mixed", latents=[[0, 0, 0]])

    names = {feature: set(values) for feature, values in answer["parameters"].items()}
    assert names == {
        "x[0]": {"loc", "scale"},
        "x[1]": {"probs"},
        "x[2]": {"probs"},
        "x[3]": {"rate"},
        "x[4]": {"loc", "scale"},
        "x[5]": {"probs"},
    }


def test_a_mixed_feature_has_its_own_categories_only(service: Service) -> None:
    parameters = service.ask("decode", "kind-mixed", latents=[[0, 0, 0]])["parameters"]

    assert shape(parameters["x[2]"]["probs"]) == (1, 3)
    assert shape(parameters["x[5]"]["probs"]) == (1, 2)


def test_sample_gives_rows_and_the_latents_they_came_from(service: Service) -> None:
    answer = service.ask("sample")

    assert shape(answer["samples"]) == (16, *EVENT_SHAPE)
    assert shape(answer["latents"]) == (16, 3)


def test_temperature_scales_the_latents(service: Service) -> None:
    warm = service.ask("sample", temperature=1.0)["latents"]
    cold = service.ask("sample", temperature=0.5)["latents"]

    np.testing.assert_allclose(np.multiply(0.5, warm), cold, rtol=1e-6)


def test_without_observation_noise_a_sample_is_what_its_latents_decode_to(
    service: Service,
) -> None:
    answer = service.ask("sample", num_samples=3, observation_noise=False)

    decoded = service.ask("decode", latents=answer["latents"])
    np.testing.assert_allclose(answer["samples"], decoded["outputs"], rtol=1e-5)


def test_reconstruct_decodes_the_posterior_mean(service: Service) -> None:
    answer = service.ask("reconstruct", inputs=ROWS)

    loc = service.ask("encode", inputs=ROWS)["loc"]
    outputs = service.ask("decode", latents=loc)["outputs"]
    np.testing.assert_allclose(answer["outputs"], outputs, rtol=1e-5)


def test_interpolate_goes_from_one_reconstruction_to_the_other(service: Service) -> None:
    answer = service.ask("interpolate", start=ROWS[:2], end=ROWS[2:4], steps=5)

    ends = service.ask("reconstruct", inputs=ROWS[:4])["outputs"]
    assert shape(answer["latents"]) == (2, 5, 3)
    np.testing.assert_allclose(np.array(answer["outputs"])[:, 0], ends[:2], rtol=1e-4)
    np.testing.assert_allclose(np.array(answer["outputs"])[:, -1], ends[2:], rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_of_every_kind_of_model_are_rows_it_takes(service: Service, kind: str) -> None:
    samples = service.ask("sample", f"kind-{kind}", num_samples=3)["samples"]

    answer = service.ask("elbo", f"kind-{kind}", inputs=samples)

    assert np.isfinite(answer["elbo"]).all()


def test_parameters_stand_under_the_features_where_some_are_logarithms(service: Service) -> None:
    answer = service.ask("decode", "kind-gaussian_logarithms", latents=[[0.0, 0.0, 0.0]])

    parameters = answer["parameters"]
    assert parameters["x[0]"].keys() == {"loc_of_log", "scale_of_log"}
    assert parameters["x[1]"].keys() == {"loc", "scale"}
    mean = np.exp(
        parameters["x[0]"]["loc_of_log"][0] + parameters["x[0]"]["scale_of_log"][0] ** 2 / 2
    )
    assert answer["outputs"][0][0][0] == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize("kind", ["bernoulli", "categorical", "discretized_logistic", "poisson"])
def test_draws_of_discrete_features_are_written_as_integers(service: Service, kind: str) -> None:
    response = service.post(f"/v1/models/kind-{kind}/sample", {"num_samples": 2})

    samples = response.json()["samples"]
    assert all(isinstance(value, int) for row in samples for line in row for value in line)
