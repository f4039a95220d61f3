"""Settings come from the environment, and limits say their unit."""

import pytest
from pydantic import ValidationError

from app.settings import Settings

UNITS = ("bytes", "rows", "samples", "elements", "threads", "seconds", "batch", "workers")


def test_every_setting_can_be_set_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_MAX_ROWS", "7")
    monkeypatch.setenv("VAE_STORE", "/somewhere")

    settings = Settings()

    assert (settings.max_rows, str(settings.store)) == (7, "/somewhere")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1


def test_every_number_but_the_port_has_its_unit_in_its_name() -> None:
    numbers = {n for n, field in Settings.model_fields.items() if field.annotation is int} - {
        "port"
    }

    assert all(name.endswith(UNITS) for name in numbers)


def test_every_setting_is_explained() -> None:
    assert all(f"{name}: " in str(Settings.__doc__) for name in Settings.model_fields)
