"""Columns of text to numbers: quickly or not, the same ones."""

import numpy as np
import pytest

from app.bulk.cells import read_column
from app.wire.columns import Column
from model_store.cell_texts import number_in

NUMBERS = ["1", "-0.5", "1e3", "12345678901234567890123", " 7 ", "+1", ".5", "2.", "inf", "-1e999"]
GAPS = ["", "  ", "NA", "?", "nan"]
FAULTS = ["[1", "2]", "1,5", "1_000", "true", "null]", "{}", '"1"', "0x1", "one"]


@pytest.mark.parametrize("odd", [*NUMBERS, *GAPS])
def test_a_number_or_gap_among_others_is_read_as_by_itself(odd: str) -> None:
    faults: dict[int, str] = {}

    values = read_column(Column("a", 0), ["1.5", odd, "-2"], faults)

    np.testing.assert_array_equal(values, [1.5, number_in(odd), -2])
    assert not faults


@pytest.mark.parametrize("odd", FAULTS)
def test_what_is_no_number_is_told_and_the_others_are_read(odd: str) -> None:
    faults: dict[int, str] = {}

    values = read_column(Column("a", 0), ["1.5", odd, "", "-2"], faults)

    np.testing.assert_array_equal(values, [1.5, np.nan, np.nan, -2])
    assert faults.keys() == {1}


def test_brackets_and_commas_of_several_cells_do_not_make_a_list_of_numbers() -> None:
    faults: dict[int, str] = {}

    read_column(Column("a", 0), ["[1", "2]", "3,4", ""], faults)

    assert faults.keys() == {0, 1, 2}
