"""Ranges and chunks of rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.base.errors import UsageError
from tests.items.reading import read, refused, values


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0-3", [0, 1, 2, 3]),
        ("7-7", [7]),
        ("0-9:4", [0, 4, 8]),
        ("3-1", [3, 2, 1]),
        ("9-0:5", [9, 4]),
        ("-2-1", [-2, -1, 0, 1]),
        ("-3--1", [-3, -2, -1]),
        ("08-11", ["08", "09", "10", "11"]),
        ("00-100:50", ["000", "050", "100"]),
        ("0-010:5", ["000", "005", "010"]),
        ("-01-01", ["-01", "00", "01"]),
    ],
)
def test_a_range_holds_both_ends_and_keeps_its_zeros(text: str, wanted: list[object]) -> None:
    assert values(text) == wanted


def test_a_step_of_zero_is_refused() -> None:
    error = refused("0-9:0")
    assert isinstance(error, UsageError)
    assert "the step of the range '0-9:0' is 0, expected 1 or more" in str(error)


@given(st.integers(0, 10**20), st.integers(0, 10**20), st.integers(1, 10**20))
def test_a_range_is_lazy_and_starts_with_its_start(first: int, last: int, step: int) -> None:
    assert values(f"{first}-{last}:{step}", limit=1) == [first]


def test_rows_are_cut_into_chunks_of_at_most_the_size() -> None:
    assert values("rows 1..10 by 4") == [
        {"start": 1, "end": 4, "count": 4, "item": "1-4"},
        {"start": 5, "end": 8, "count": 4, "item": "5-8"},
        {"start": 9, "end": 10, "count": 2, "item": "9-10"},
    ]


def test_a_million_rows_make_a_thousand_chunks() -> None:
    found = read("rows 1..1000000 by 1000")
    assert len(found) == found[-1].number == 1000
    assert found[-1].columns == {"start": 999_001, "end": 1_000_000, "count": 1000, "item": "999001-1000000"}


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 60))
def test_chunks_cover_every_row_once(first: int, more: int, size: int) -> None:
    chunks = values(f"rows {first}..{first + more} by {size}")
    rows = [row for chunk in chunks for row in range(chunk["start"], chunk["end"] + 1)]
    assert rows == list(range(first, first + more + 1))
    assert sum(chunk["count"] for chunk in chunks) == len(rows)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("rows 1..10", "expected rows FIRST..LAST by SIZE"),
        ("rows 1-10 by 2", "expected rows FIRST..LAST by SIZE"),
        ("rows 5..1 by 2", "the last row is before the first"),
        ("rows 1..5 by 0", "a chunk needs at least 1 row"),
    ],
)
def test_rows_that_cannot_be_cut_are_refused(text: str, wrong: str) -> None:
    error = refused(text)
    assert isinstance(error, UsageError)
    assert wrong in str(error)
