"""Parquet files: every type of column that polars writes, and what is refused."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tests.sources import ROWS, kinds_of, load, numbers, refusal

Names = pl.Enum(["low", "high", "never"])


def parquet_file(folder: Path, **columns: object) -> Path:
    """A Parquet file with these columns."""
    pl.DataFrame(columns).write_parquet(folder / "t.parquet")
    return folder / "t.parquet"


def test_types_become_kinds(tmp_path: Path) -> None:
    source = parquet_file(
        tmp_path,
        flag=[True, False] * 12,
        marks=pl.Series([1, 2, 5] * 8, dtype=pl.Int16),
        price=pl.Series(numbers(), dtype=pl.Decimal(10, 2)),
        city=pl.Series(["Rome", "Oslo"] * 12, dtype=pl.Categorical),
        text=["a", "b"] * 12,
    )

    assert kinds_of(load(source)) == ["binary", "ordinal", "real", "categorical", "categorical"]


def test_an_enumeration_keeps_its_order_and_its_unused_names(tmp_path: Path) -> None:
    source = parquet_file(tmp_path, level=pl.Series(["high", "low"] * 12, dtype=Names))

    dataset = load(source)

    assert dataset.features[0].categories == ("low", "high", "never")
    assert dataset.x[:2, 0].tolist() == [1, 0]


def test_integers_can_be_read_as_names(tmp_path: Path) -> None:
    source = parquet_file(tmp_path, zone=[11, 2, 30] * 8)

    assert load(source, kind=["zone=categorical"]).features[0].categories == ("2", "11", "30")


@pytest.mark.parametrize(
    ("cell", "kind"), [(date(2024, 1, 1), "Date"), ([1.0], "List"), (b"x", "Binary")]
)
def test_what_is_no_number_and_no_text_is_to_be_ignored(
    tmp_path: Path, cell: object, kind: str
) -> None:
    source = parquet_file(tmp_path, odd=[cell] * ROWS, a=numbers())

    assert f"column 'odd' is of type {kind}" in refusal(source)
    assert load(source, ignore="odd").x.shape == (ROWS, 1)


def test_text_cannot_be_given_another_kind(tmp_path: Path) -> None:
    source = parquet_file(tmp_path, level=pl.Series(["high", "low"] * 12, dtype=Names))

    assert "holds text such as 'low'; kind count needs numbers" in refusal(
        source, kind=["level=count"]
    )


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PAR1" + bytes(40) + b"PAR1"])
def test_what_is_no_parquet_file_is_refused(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "t.parquet"
    source.write_bytes(content)

    assert refusal(source) == "t.parquet is empty, damaged or no Parquet file; one is needed."


def test_a_files_name_is_no_pattern(tmp_path: Path) -> None:
    source = parquet_file(tmp_path, a=numbers()).rename(tmp_path / "t[1]*.parquet")

    assert load(source).x.shape == (ROWS, 1)
