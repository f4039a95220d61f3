"""Which version a name stands for."""

import pytest

from model_store.errors import NotInStoreError
from model_store.listing import StoredModel


def test_a_bare_name_is_its_newest_version() -> None:
    assert StoredModel("digits", (1, 2, 7), {"canary": 2}).resolve(None) == 7


def test_a_bare_name_is_its_stable_version_if_there_is_one() -> None:
    assert StoredModel("digits", (1, 2, 7), {"stable": 2}).resolve(None) == 2


def test_versions_and_aliases_are_found() -> None:
    model = StoredModel("digits", (1, 2, 7), {"canary": 2})

    assert (model.resolve(1), model.resolve("canary")) == (1, 2)


@pytest.mark.parametrize("selector", [3, 0, "stable"])
def test_what_is_not_there_is_said_to_be_missing(selector: int | str) -> None:
    with pytest.raises(NotInStoreError, match="digits"):
        StoredModel("digits", (1, 2, 7)).resolve(selector)


def test_an_alias_to_a_version_that_is_gone_is_refused_and_told() -> None:
    model = StoredModel("digits", (1, 2), {"stable": 7})

    assert [broken.name for broken in model.broken_aliases()] == ["digits"]
    with pytest.raises(NotInStoreError, match="version 7, which is gone"):
        model.resolve(None)


def test_the_newest_version_does_not_stand_in_for_an_unreadable_stable() -> None:
    model = StoredModel("digits", (1, 2), aliases_error="is not JSON")

    with pytest.raises(NotInStoreError, match="digits@2"):
        model.resolve(None)
    assert model.resolve(1) == 1
