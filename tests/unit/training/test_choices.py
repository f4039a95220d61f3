"""What is chosen for the user, and what the user has chosen."""

import pytest
import torch

from training.choices import complete, device, fit_options, latent_dim, threads
from training.config import TrainingConfig

ABSENT_DEVICE = "mps" if torch.cuda.is_available() else "cuda"


def test_choices_depend_on_rows_and_yield_to_flags() -> None:
    few = complete(TrainingConfig(source="iris"), rows=100, num_features=4, is_image=True)
    many = complete(
        TrainingConfig(source="iris", epochs=7), rows=60_000, num_features=784, is_image=True
    )

    assert few.epochs == 250
    assert few.input_dropout == 0.15
    assert (many.epochs, many.batch_size, many.input_dropout) == (7, 256, 0.0)
    assert fit_options(few).keep == "best"


def test_a_table_is_trained_without_dropout() -> None:
    completed = complete(TrainingConfig(source="iris"), rows=100, num_features=4)

    assert completed.input_dropout == 0.0


@pytest.mark.parametrize(("missing_rate", "has_gaps"), [(None, True), (0.1, False)])
def test_hidden_values_take_the_place_of_dropout(
    missing_rate: float | None, has_gaps: bool
) -> None:
    config = TrainingConfig(source="iris", missing_rate=missing_rate)

    completed = complete(config, rows=100, num_features=64, has_gaps=has_gaps, is_image=True)

    assert completed.input_dropout == 0.0


def test_no_dropout_is_chosen_over_the_one_asked_for() -> None:
    config = TrainingConfig(source="iris", input_dropout=0.1)

    completed = complete(config, rows=100, num_features=4, has_gaps=True)

    assert completed.input_dropout == 0.1


def test_a_linear_model_is_trained_on_whole_batches_without_noise() -> None:
    config = TrainingConfig(source="iris", hidden_sizes="none")

    linear = complete(config, rows=100, num_features=4)

    assert (linear.batch_size, linear.epochs, linear.weight_decay) == (8_192, 3_000, 0.0)
    assert fit_options(linear).keep == "last"
    assert threads(linear) == 1


def test_latents_grow_with_the_root_of_the_features() -> None:
    assert [latent_dim(n) for n in (1, 4, 64, 10_000)] == [1, 3, 11, 32]


def test_an_open_config_cannot_be_trained() -> None:
    with pytest.raises(ValueError, match="call complete"):
        fit_options(TrainingConfig(source="iris"))


def test_the_asked_device_is_taken() -> None:
    assert device(TrainingConfig(source="iris", device="cpu")).type == "cpu"
    assert device(TrainingConfig(source="iris")).type in ("cpu", "cuda", "mps")
